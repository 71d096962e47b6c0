import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocketServer } from "ws";
import type { PeerId } from "../../shared/ids.ts";
import { loadPeerJs } from "../../shared/node/peerjs-for-node.ts";
import { SOCKET_WINDOW_BYTES } from "../../shared/protocol/limits.ts";
import { transportContract } from "../../shared/transport/contract.ts";
import { connectionPath, PeerJsEndpoint } from "../../shared/transport/peerjs.ts";
import type { PeerConstructor } from "../../shared/transport/peerjs-api.ts";
import type { Transport } from "../../shared/transport/transport.ts";
import { Signalling } from "./signalling.ts";

const globalsBefore = Reflect.ownKeys(globalThis);

/** The least a gateway does for signalling. */
class Gateway {
  readonly signalling = new Signalling({ authorize: (id, key) => key === `key-${id}` });
  readonly sockets = new WebSocketServer({ noServer: true });
  readonly http = createServer((request, response) => {
    const [, , key = ""] = (request.url ?? "").split("/");
    response.end(this.signalling.idFor(key));
  });

  async listen(): Promise<string> {
    this.http.on("upgrade", (request, socket, head) => {
      const { pathname, searchParams } = new URL(request.url ?? "", "http://any");
      expect(pathname).toBe("/signal/peerjs");
      this.sockets.handleUpgrade(request, socket, head, (accepted) => {
        this.signalling.accept(accepted, searchParams);
      });
    });
    this.http.listen(0, "127.0.0.1");
    await once(this.http, "listening");
    return `http://127.0.0.1:${(this.http.address() as AddressInfo).port}`;
  }

  cutEveryone(): void {
    for (const socket of this.sockets.clients) socket.terminate();
  }
}

const gateway = new Gateway();
let url = "";
let Peer: PeerConstructor;
let ada: PeerJsEndpoint;
let bob: PeerJsEndpoint;
let accept: (transport: Transport) => void = () => {};

const endpoint = (name: string): PeerJsEndpoint =>
  new PeerJsEndpoint({
    Peer,
    url,
    peer: name as PeerId,
    signalKey: `key-${name}`,
    iceServers: [],
    onTransport: (_remote, transport) => accept(transport),
  });

const accepted = () => new Promise<Transport>((resolve) => (accept = resolve));
const connect = () => Promise.all([ada.dial("bob" as PeerId, 10_000), accepted()]);

beforeAll(async () => {
  url = await gateway.listen();
  Peer = (await loadPeerJs())!;
  ada = endpoint("ada");
  bob = endpoint("bob");
});

afterAll(async () => {
  await Promise.all([ada.close(), bob.close()]);
  gateway.signalling.close();
  gateway.http.close();
});

test("loading PeerJS in Node touches no global", () => {
  expect(Peer).toBeTypeOf("function");
  const added = Reflect.ownKeys(globalThis).filter((key) => !globalsBefore.includes(key));
  expect(added.map(String)).toEqual([]);
});

transportContract("data channel", { connect, windowBytes: SOCKET_WINDOW_BYTES });

test("the path of a connection is read from its statistics", async () => {
  const [left, right] = await connect();
  const received = new Promise((resolve) => (right.onMessage = resolve));
  await left.send(Uint8Array.of(1));
  await received;
  expect(await connectionPath(left)).toMatchObject({
    path: "direct",
    localType: expect.stringMatching(/^(host|prflx)$/),
    protocol: "udp",
  });
  left.close({ code: "done" });
});

test("a dial to a peer that is not there says so and leaves nothing behind", async () => {
  await expect(ada.dial("nobody" as PeerId, 300)).rejects.toMatchObject({
    code: "PEER_UNREACHABLE",
    message: expect.stringMatching(
      /ada to nobody: .* 300 ms; ICE is ".*", because the peer did not/,
    ),
  });
});

test("links outlive the signalling connection, which comes back by itself", async () => {
  const [left, right] = await connect();
  gateway.cutEveryone();
  const received = new Promise<Uint8Array>((resolve) => (right.onMessage = resolve));
  await left.send(Uint8Array.of(5));
  expect([...(await received)]).toEqual([5]);
  const [again] = await connect();
  expect(again.path).toBe("webrtc");
  again.close({ code: "done" });
  left.close({ code: "done" });
});

test("a dial with a wrong key ends at its deadline and names signalling", async () => {
  const eve = new PeerJsEndpoint({
    Peer,
    url,
    peer: "eve" as PeerId,
    signalKey: "guess",
    iceServers: [],
    onTransport: () => {},
  });
  await expect(eve.dial("bob" as PeerId, 300)).rejects.toMatchObject({
    code: "PEER_UNREACHABLE",
    message: expect.stringContaining("signalling is down (Invalid key provided)"),
  });
  await eve.close();
});

test("the stock client connects with host, port, path and key alone, and sends what it likes", async () => {
  const { hostname, port } = new URL(url);
  const stock = (name: string) => {
    const options = { host: hostname, port: Number(port), path: "/signal", key: `key-${name}` };
    return new Peer(name, { ...options, config: { iceServers: [] } } as never) as unknown as Stock;
  };
  const [left, right] = [stock("left"), stock("right")];
  await Promise.all([left, right].map((peer) => new Promise((done) => peer.on("open", done))));
  const echoed = new Promise((resolve) => {
    right.on("connection", (connection) => {
      connection.on("data", (data) => connection.send({ echo: data }));
    });
    const connection = left.connect("right");
    connection.on("open", () => connection.send({ deep: ["value", 1] }));
    connection.on("data", resolve);
  });
  expect(await echoed).toEqual({ echo: { deep: ["value", 1] } });
  left.destroy();
  right.destroy();
});

test("GET /signal/:key/id gives an id that PeerJS accepts", async () => {
  const id = await (await fetch(`${url}/signal/any/id`)).text();
  expect(id).toMatch(/^[A-Za-z0-9]+$/);
});

interface StockConnection {
  on(event: string, listener: (data: unknown) => void): void;
  send(data: unknown): void;
}
interface Stock {
  on(event: "open" | "connection", listener: (connection: StockConnection) => void): void;
  connect(peer: string): StockConnection;
  destroy(): void;
}
