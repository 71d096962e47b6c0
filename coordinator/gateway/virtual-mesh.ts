import type { Clock } from "../../shared/clock.ts";
import type { ObjectId, PeerId } from "../../shared/ids.ts";
import { LocalStore, type StoredBytes } from "../../shared/objects/local-store.ts";
import { MeshPeer, type PeerBusiness } from "../../shared/peer/mesh-peer.ts";
import { ManualClock, quiet } from "../../shared/peer/test-mesh.ts";
import type { ObjectState, Role } from "../../shared/protocol/messages.ts";
import { fromWireError } from "../../shared/protocol/wire-error.ts";
import { memoryTransportPair } from "../../shared/transport/memory.ts";
import type { Transport } from "../../shared/transport/transport.ts";
import { ObjectSupply } from "../../shared/worker/object-supply.ts";
import { Gateway } from "./gateway.ts";
import { Tokens } from "./tokens.ts";

const CPU = { cpuMilli: 1_000, gpuMilli: 0, memoryBytes: 0 };

/** A real peer without executors: its session, links, store and objects. */
export class VirtualMember {
  readonly name: string;
  readonly peer: MeshPeer;
  readonly store: LocalStore;
  readonly supply: ObjectSupply;
  isAlive = true;
  /** What it was told of objects. */
  readonly told = new Map<ObjectId, ObjectState>();
  readonly accept: (transport: Transport) => void;
  readonly transports: Transport[];

  constructor(
    name: string,
    parts: {
      readonly peer: MeshPeer;
      readonly store: LocalStore;
      readonly supply: ObjectSupply;
      readonly transports: Transport[];
      accept(transport: Transport): void;
    },
  ) {
    this.name = name;
    this.peer = parts.peer;
    this.store = parts.store;
    this.supply = parts.supply;
    this.transports = parts.transports;
    this.accept = (transport) => parts.accept(transport);
    this.peer.start((message) => this.#hear(message));
    void this.peer.session.ended.then((error) => {
      this.supply.close(error);
      void this.store.close(error);
    });
  }

  get id(): PeerId {
    return this.peer.self;
  }

  /** Hold a ref and read the value, as a task or a driver does. */
  async read(object: ObjectId): Promise<StoredBytes> {
    this.peer.session.send({ type: "hold", objects: [object] });
    return await this.supply.get(object);
  }

  release(object: ObjectId): void {
    this.peer.session.send({ type: "release", objects: [object] });
  }

  #hear(message: PeerBusiness): void {
    if (message.type === "object-located") {
      this.told.set(message.state.object, message.state);
      this.supply.located(message.state);
    } else if (message.type === "keep-copy") void this.supply.keepCopy(message.state);
    else if (message.type === "free-objects") this.supply.free(message.objects);
    else if (message.type === "refused") throw fromWireError(message.error);
  }
}

/**
 * For tests: the coordinator and real peers in one process, over transports in memory, with one clock
 * that the test turns. Every message is counted, and a peer can vanish at any of them.
 */
export class VirtualMesh {
  readonly clock = new ManualClock();
  readonly gateway: Gateway;
  readonly members: VirtualMember[] = [];
  /** Messages and frames that were given to transports. */
  messages = 0;
  /** Called before each. */
  onMessage: (number: number) => void = () => {};
  readonly #tokens = new Tokens();

  constructor() {
    const clock: Clock = this.clock;
    this.gateway = new Gateway({
      tokens: this.#tokens,
      clock,
      iceServers: [],
      relayLimits: {
        bytesPerSecond: 2 ** 40,
        burstBytes: 2 ** 40,
        sessionBytesMax: 2 ** 50,
        waitingBytesMax: 2 ** 40,
      },
      peersMax: 100,
      newPeerId: (hello) => `n${hello.name}` as PeerId,
      log: () => {},
    });
  }

  async join(name: string, role: Role): Promise<VirtualMember> {
    const [mine, theirs] = this.#pair();
    this.gateway.accept(theirs);
    const store = new LocalStore({ bytesMax: 2 ** 30, clock: this.clock });
    let accept!: (transport: Transport) => void;
    const token = this.#tokens.mint(role === "driver" ? "submit" : "contribute");
    const transports: Transport[] = [mine];
    const peer = await MeshPeer.join({
      transport: mine,
      hello: {
        token,
        role,
        runtime: "node",
        name,
        webrtc: false,
        directUrl: name,
        labels: { host: name },
        ...(role === "worker" ? { capacity: CPU } : {}),
      },
      clock: this.clock,
      store,
      dialers: (_welcome, take) => {
        accept = take;
        return [
          {
            path: "websocket",
            obstacle: () => undefined,
            dial: ({ directUrl }) => Promise.resolve(this.#dial(directUrl!, transports)),
          },
        ];
      },
      onCopy: (object) => supply.copied(object),
    });
    const supply = new ObjectSupply({ peer, store });
    const member = new VirtualMember(name, { peer, store, supply, transports, accept });
    this.members.push(member);
    return member;
  }

  /** Its process is gone: every connection breaks, and the coordinator notices. */
  kill(member: VirtualMember): void {
    if (!member.isAlive) return;
    member.isAlive = false;
    for (const transport of member.transports) {
      transport.close({ code: "failed", detail: `${member.name} was killed` });
    }
  }

  get alive(): VirtualMember[] {
    return this.members.filter(({ isAlive }) => isAlive);
  }

  /** Let time pass until nothing happens any more that was under way. */
  async settle(isSettled: () => boolean, secondsMax = 240): Promise<void> {
    for (let second = 0; second < secondsMax && !isSettled(); second++) {
      await quiet();
      if (isSettled()) return;
      for (const { peer } of this.alive) {
        peer.session.send({ type: "heartbeat", tasks: [], storedBytes: 0 });
      }
      this.clock.advance(1_000);
    }
    await quiet();
  }

  #dial(name: string, mine: Transport[]): Transport {
    const target = this.members.find((member) => member.name === name);
    const [near, far] = this.#pair();
    mine.push(near);
    if (!target?.isAlive) near.close({ code: "failed", detail: `${name} is gone` });
    else {
      target.transports.push(far);
      target.accept(far);
    }
    return near;
  }

  #pair(): [Transport, Transport] {
    const ends = memoryTransportPair("websocket");
    for (const end of ends) {
      const send = end.send.bind(end);
      end.send = (...parts) => {
        this.onMessage(this.messages++);
        return send(...parts);
      };
    }
    return ends;
  }
}
