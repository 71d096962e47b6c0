import { MeshError } from "../errors.ts";
import type { ActorId, IdSequence, ObjectId } from "../ids.ts";
import { encodeValue, type RefCodec, type WireRef } from "../objects/codec.ts";
import type { AnsweredCall } from "../peer/actor-caller.ts";
import { INLINE_BYTES_MAX, REFS_PER_MESSAGE_MAX } from "../protocol/limits.ts";
import type { Explanation } from "../protocol/explanation.ts";
import type { CoordinatorMessage } from "../protocol/messages.ts";
import { explainCall } from "./explain-call.ts";
import { fromWireError, toWireError } from "../protocol/wire-error.ts";
import { toCallFields, type CallOptions } from "./actor-class-options.ts";
import { argumentsOf } from "./argument-errors.ts";
import {
  actorId,
  actorMethods,
  isActorHandle,
  makeActorHandle,
  type ActorHandle,
} from "./actor.ts";
import type { MeshPort, SubmitterMessage, SubmitterNews } from "./mesh-port.ts";
import { ObjectRef } from "./object-ref.ts";
import { ObjectTable, type ObjectEntry } from "./object-table.ts";
import { StreamReaders } from "./stream-reader.ts";

/** An argument larger than this becomes an object of its own when the arguments do not fit inline. */
const SPLIT_BYTES_MIN = 1024;

/** Encoded arguments, and the objects they refer to. */
export interface EncodedArguments {
  readonly args: Uint8Array<ArrayBuffer>;
  readonly dependencies?: ObjectId[];
  readonly contained?: ObjectId[];
  /** Objects made for arguments that were too large; to be let go of after the submission. */
  readonly temporary: readonly ObjectRef[];
}

type Answer = Extract<CoordinatorMessage, { type: "answer" }>;
type Query = Omit<Extract<SubmitterMessage, { type: "query" }>, "type" | "request">;

/**
 * A driver's dealings with the mesh: objects, arguments, actor calls and questions. The public API
 * (mesh.ts) is a thin layer on it. It is the same in a script, in a page, and inside a task.
 */
export class Driver {
  readonly port: MeshPort;
  readonly objects: ObjectTable;
  readonly streams: StreamReaders;
  /** Resolves when the connection is over. */
  readonly ended: Promise<MeshError>;
  onWarning: (text: string) => void = () => {};
  readonly #answers = new Map<number, (answer: Answer) => void>();
  /** Refs and handles in values. */
  readonly refs: RefCodec;
  readonly #collectedHandles = new FinalizationRegistry<ActorId>((actor) =>
    this.port.forgetActor(actor),
  );
  #requests = 0;
  #endedWith: MeshError | undefined;

  /** What the mesh has to say comes to {@link receive}. */
  constructor(port: MeshPort) {
    this.port = port;
    this.refs = {
      toWire: (value) => this.#refToWire(value),
      fromWire: (wire) => this.#refFromWire(wire),
    };
    this.objects = new ObjectTable({
      clock: port.clock,
      refs: this.refs,
      locate: (object) => port.send({ type: "locate-object", object }),
      hold: (objects) => port.send({ type: "hold", objects }),
      release: (objects) => port.send({ type: "release", objects }),
      fetch: (state, signal) => port.fetch(state, signal),
      // Inside a task, refs end with it, and who has none is told nothing.
      hearsOfReleased: port.onWaiting === undefined,
      onWaiting: port.onWaiting && ((isWaiting, isOwn) => port.onWaiting!(isWaiting, isOwn)),
      explain: async (object) => (await this.explain(object)).text,
    });
    this.streams = new StreamReaders(this);
    this.ended = port.ended.then((error) => this.#end(error));
  }

  get ids(): IdSequence {
    return this.port.ids;
  }

  /** The connection has ended. */
  get isOver(): boolean {
    return this.#endedWith !== undefined;
  }

  /** Fails after the connection ended, with the reason. */
  assertConnected(): void {
    if (!this.#endedWith) return;
    // A new one: its stack is of the line that fails now.
    const { code, message, details } = this.#endedWith;
    throw new MeshError(code, message, details);
  }

  /** Make a value an object. */
  put(value: unknown, replicas = 1): ObjectRef {
    this.assertConnected();
    const encoded = encodeValue(value, this.refs);
    expectFewRefs(encoded.contained);
    for (const inner of encoded.contained) this.share(inner);
    const object = this.ids.next<ObjectId>();
    const { byteLength: sizeBytes } = encoded;
    const contained = encoded.contained.length > 0 ? { contained: [...encoded.contained] } : {};
    const entry = this.objects.create(object, { kind: "put" });
    const ref = this.objects.handle(object);
    if (sizeBytes <= INLINE_BYTES_MAX) {
      const inline = encoded.toBytes();
      entry.state = { object, sizeBytes, inline };
      this.port.send({ type: "put-object", object, sizeBytes, inline, ...contained }, sizeBytes);
      return ref;
    }
    try {
      this.port.keep(object, encoded);
    } catch (error) {
      this.objects.settle({ object, error: toWireError(error) });
      throw error;
    }
    entry.state = { object, sizeBytes, locations: [this.port.self] };
    const copies = replicas > 1 ? { replicas } : {};
    this.port.send({ type: "put-object", object, sizeBytes, ...contained, ...copies });
    return ref;
  }

  /** A ref to what will never be made. */
  failed(error: MeshError): ObjectRef {
    const object = this.ids.next<ObjectId>();
    const entry = this.objects.create(object, { kind: "task" });
    // Told when it leaves this driver, as an argument.
    entry.isShared = false;
    const ref = this.objects.handle(object);
    this.objects.settle({ object, error: toWireError(error) });
    return ref;
  }

  /** Encode arguments; what does not fit inline becomes objects that are fetched peer to peer. */
  encodeArguments(args: readonly unknown[]): EncodedArguments {
    const dependencies: ObjectId[] = [];
    for (const arg of args) if (arg instanceof ObjectRef) dependencies.push(this.#use(arg));
    const encoded = encodeValue(args, this.refs);
    if (encoded.byteLength > INLINE_BYTES_MAX) return this.#encodeLarge(args);
    expectFewRefs(encoded.contained);
    const own = new Set(dependencies);
    const contained = encoded.contained.filter((object) => !own.has(object));
    for (const object of encoded.contained) this.share(object);
    return {
      args: encoded.toBytes(),
      ...(dependencies.length > 0 ? { dependencies } : {}),
      ...(contained.length > 0 ? { contained } : {}),
      temporary: [],
    };
  }

  #encodeLarge(args: readonly unknown[]): EncodedArguments {
    const temporary: ObjectRef[] = [];
    const smaller = args.map((arg) => {
      if (arg instanceof ObjectRef) return arg;
      if (encodeValue(arg, this.refs).byteLength < SPLIT_BYTES_MIN) return arg;
      const ref = this.put(arg);
      temporary.push(ref);
      return ref;
    });
    if (temporary.length === 0) {
      throw new MeshError(
        "INVALID_ARGUMENT",
        `${args.length} arguments are too many to send; put them into one array`,
      );
    }
    return { ...this.encodeArguments(smaller), temporary };
  }

  /** A handle to an actor. When it is collected, what is kept of its calls goes once they are answered. */
  actorHandle<T>(actor: ActorId, methods: readonly string[], className = ""): ActorHandle<T> {
    const handle = makeActorHandle<T>(actor, methods, (to, method, args, options) => {
      const name = className ? `${className}.${method}` : method;
      return this.call(to, { method, name }, args, options);
    });
    this.#collectedHandles.register(handle, actor);
    return handle;
  }

  /** Call an actor's method, peer to peer. */
  call(
    actor: ActorId,
    { method, name }: { readonly method: string; readonly name: string },
    args: readonly unknown[],
    options?: CallOptions,
  ): ObjectRef {
    this.assertConnected();
    const own = options && toCallFields(options);
    const text = `${name}() of actor ${actor}`;
    const encoded = argumentsOf(text, () => this.encodeArguments(args));
    const result = this.ids.next<ObjectId>();
    const entry = this.objects.create(result, { kind: "call", text, actor });
    const ref = this.objects.handle(result);
    const { temporary, ...request } = encoded;
    // The worker resolves refs with the coordinator's help; until then they must be held here.
    const held = [...(request.dependencies ?? []), ...(request.contained ?? [])].map((object) =>
      this.objects.handle(object),
    );
    this.port
      .call({ actor, method, result, ...request, ...own })
      .then(
        (answer) => this.#answered(entry, answer),
        (error: unknown) => this.objects.settle({ object: result, error: toWireError(error) }),
      )
      .finally(() => {
        for (const heldRef of held) heldRef.dispose();
      });
    for (const temporaryRef of temporary) temporaryRef.dispose();
    return ref;
  }

  /** An actor has answered; its caller may have lost interest meanwhile. */
  #answered(entry: ObjectEntry, answer: AnsweredCall): void {
    const { id: object } = entry;
    const { sizeBytes, inline, error, contained = [], worker } = answer;
    const { port } = this;
    const isStored = !inline && !error;
    if (isStored) {
      // The worker tells the coordinator too, but that message may be slower than our next.
      entry.isShared = true;
      port.send({ type: "promise-object", object });
    }
    if (this.objects.entryOf(object) !== entry) {
      if (isStored) port.send({ type: "release", objects: [object] });
      return;
    }
    // The worker lets go of them soon.
    if (inline) entry.inner = contained.map((inner) => this.objects.handle(inner));
    if (error) this.objects.settle({ object, error }, worker);
    else if (inline) this.objects.settle({ object, sizeBytes, inline }, worker);
    else this.objects.settle({ object, sizeBytes, locations: [worker] }, worker);
  }

  /** Make sure that the coordinator knows an object, so that others can ask for it. */
  share(object: ObjectId): void {
    const entry = this.objects.entryOf(object);
    if (!entry || entry.isShared) return;
    entry.isShared = true;
    if (entry.state) return this.#publish(entry);
    this.port.send({ type: "promise-object", object });
    const unpin = this.objects.pin(entry);
    return void this.objects
      .whenSettled([entry], 1, undefined)
      .then(() => this.#publish(entry))
      .finally(unpin);
  }

  #publish({ id: object, state, inner = [] }: ObjectEntry): void {
    if (!state) return;
    const { sizeBytes = 0, inline, error } = state;
    const { port } = this;
    if (error) port.send({ type: "put-object", object, sizeBytes, error });
    if (!inline) return; // A larger one is announced by the worker that stores it.
    const put = { type: "put-object", object, sizeBytes, inline } as const;
    const contained = inner.map(({ id }) => id);
    port.send(contained.length > 0 ? { ...put, contained } : put, sizeBytes);
  }

  /** Why an object is not there yet, or what became of it. */
  async explain(object: ObjectId): Promise<Explanation> {
    const ask = async (id: ObjectId) =>
      (await this.ask({ what: "explain", object: id })).explanation!;
    return (await explainCall(this.objects.entryOf(object), ask)) ?? ask(object);
  }

  /** Ask the coordinator something. */
  ask(query: Query): Promise<Answer> {
    return this.request((request) => ({ type: "query", request, ...query }));
  }

  /** Send what is answered under a number. */
  request(messageOf: (request: number) => SubmitterMessage): Promise<Answer> {
    this.assertConnected();
    const request = this.#requests++;
    return new Promise((resolve, reject) => {
      this.#answers.set(request, (answer) => {
        this.#answers.delete(request);
        if (this.#endedWith) reject(this.#endedWith);
        else if (answer.error) reject(fromWireError(answer.error));
        else resolve(answer);
      });
      this.port.send(messageOf(request));
    });
  }

  close(reason: string): void {
    this.port.close(reason);
  }

  #use(ref: ObjectRef): ObjectId {
    if (ref.table !== this.objects || !this.objects.isLive(ref)) {
      const why =
        ref.table === this.objects
          ? "was disposed, or its task has ended"
          : "belongs to another connection";
      throw new MeshError("OBJECT_FREED", `${ref}, used in a value, ${why}`);
    }
    return ref.id;
  }

  #refToWire(value: object): WireRef | undefined {
    if (value instanceof ObjectRef) return { kind: "object", object: this.#use(value) };
    if (!isActorHandle(value)) return undefined;
    return { kind: "actor", actor: value[actorId], methods: value[actorMethods] };
  }

  #refFromWire(wire: WireRef): unknown {
    if (wire.kind === "object") return this.objects.handle(wire.object);
    return this.actorHandle(wire.actor, wire.methods);
  }

  /** The task that this executor ran has ended, and its refs and streams with it. */
  endTask(): void {
    this.streams.endTask();
    this.objects.endTask();
  }

  receive(news: SubmitterNews): void {
    switch (news.type) {
      case "object-located":
        return this.objects.settle(news.state, news.worker);
      case "item-made":
        return this.streams.made(news);
      case "answer":
        return this.#answers.get(news.request)?.(news);
      case "warning":
        return this.onWarning(news.text);
      case "refused":
        return this.onWarning(`the coordinator refused a message: ${news.error.message}`);
      default:
        news satisfies never;
    }
  }

  #end(error: MeshError): MeshError {
    this.#endedWith = error;
    this.objects.end(error);
    for (const settle of this.#answers.values()) settle({ type: "answer", request: 0 });
    return error;
  }
}

/** A message names every ref in a value, and has room for so many. */
function expectFewRefs(contained: readonly ObjectId[]): void {
  if (contained.length <= REFS_PER_MESSAGE_MAX) return;
  throw new MeshError(
    "INVALID_ARGUMENT",
    `a value with ${contained.length} refs inside is too much for one message; split it into values with at most ${REFS_PER_MESSAGE_MAX} each`,
  );
}
