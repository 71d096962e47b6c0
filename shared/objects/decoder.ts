import type { ActorId, ObjectId } from "../ids.ts";
import type { BufferTable } from "./buffers.ts";
import { type ByteReader, invalid } from "./byte-reader.ts";
import type { RefCodec } from "./encoder.ts";
import {
  DEPTH_MAX,
  ERROR_CLASSES,
  ERROR_FIELD,
  ERROR_FIELDS_ALL,
  HOLES_DENSE_MAX,
  TAG_ACTOR_REF,
  TAG_ARRAY,
  TAG_BACK_REFERENCE,
  TAG_BIGINT,
  TAG_BIGINT64,
  TAG_BOXED,
  TAG_BUFFER,
  TAG_DATE,
  TAG_END,
  TAG_ERROR,
  TAG_FALSE,
  TAG_FLOAT64,
  TAG_HOLES,
  TAG_INT32,
  TAG_INT8,
  TAG_MAP,
  TAG_NULL,
  TAG_OBJECT,
  TAG_OBJECT_REF,
  TAG_REGEXP,
  TAG_SET,
  TAG_SHORT_TEXT,
  TAG_SMALL_INT,
  TAG_TRUE,
  TAG_UNDEFINED,
  TAG_UTF16,
  TAG_UTF8,
  TAG_VIEW,
} from "./tags.ts";

/** As in protocol/schema.ts: an id that passed here can be sent on. */
const ID = /^[A-Za-z0-9_-]+(?:\.[a-z0-9]+)?$/;
const ID_CHARS_MAX = 64;
const ARRAY_LENGTH_MAX = 2 ** 32 - 1;
const BOXABLE: ReadonlySet<string> = new Set(["boolean", "number", "string", "bigint"]);

/** Reads one value. Throws MeshError `PROTOCOL_VIOLATION` at what no Encoder writes. */
export class Decoder {
  readonly #in: ByteReader;
  readonly #buffers: BufferTable | undefined;
  readonly #refs: RefCodec | undefined;
  readonly #met: unknown[] = [];
  #depth = 0;

  constructor(input: ByteReader, buffers: BufferTable | undefined, refs: RefCodec | undefined) {
    this.#in = input;
    this.#buffers = buffers;
    this.#refs = refs;
  }

  read(): unknown {
    return this.#value(this.#in.byte());
  }

  #value(tag: number): unknown {
    if (tag >= TAG_SMALL_INT) return tag - TAG_SMALL_INT;
    if (tag >= TAG_SHORT_TEXT) return this.#in.shortText(tag - TAG_SHORT_TEXT);
    if (tag >= TAG_BACK_REFERENCE) return this.#object(tag);
    switch (tag) {
      case TAG_UNDEFINED:
        return undefined;
      case TAG_NULL:
        return null;
      case TAG_FALSE:
        return false;
      case TAG_TRUE:
        return true;
      case TAG_INT8:
        return (this.#in.byte() << 24) >> 24;
      case TAG_INT32:
        return this.#in.int32();
      case TAG_FLOAT64:
        return this.#in.float64();
      case TAG_BIGINT64:
        return this.#in.bigint64();
      case TAG_BIGINT:
        return this.#in.bigint();
      case TAG_UTF8:
      case TAG_UTF16:
        return this.#in.textOf(tag);
      default:
        throw this.#invalid(`unknown tag ${tag}`);
    }
  }

  #object(tag: number): unknown {
    if (tag === TAG_BACK_REFERENCE) return this.#backReference();
    if (++this.#depth > DEPTH_MAX) throw this.#invalid("it is nested too deep");
    const object = this.#begin(tag);
    this.#depth--;
    return object;
  }

  #begin(tag: number): unknown {
    switch (tag) {
      case TAG_OBJECT:
        return this.#plain();
      case TAG_ARRAY:
        return this.#array();
      case TAG_VIEW:
        return this.#meet(this.#view());
      case TAG_MAP:
        return this.#map();
      case TAG_SET:
        return this.#set();
      case TAG_OBJECT_REF:
        return this.#meet(this.#handles().fromWire({ kind: "object", object: this.#id() }));
      case TAG_ACTOR_REF:
        return this.#meet(this.#actor());
      case TAG_DATE:
        return this.#meet(new Date(this.#in.float64()));
      case TAG_REGEXP:
        return this.#meet(this.#regexp());
      case TAG_BOXED:
        return this.#meet(this.#boxed());
      case TAG_ERROR:
        return this.#error();
      case TAG_BUFFER:
        if (!this.#buffers) throw this.#invalid("a buffer is missing");
        return this.#meet(this.#buffers.whole(this.#in.varint()));
      default:
        throw this.#invalid(`unknown tag ${tag}`);
    }
  }

  #meet<T>(object: T): T {
    this.#met.push(object);
    return object;
  }

  #backReference(): unknown {
    const number = this.#in.varint();
    if (number >= this.#met.length) throw this.#invalid("a back reference points ahead");
    return this.#met[number];
  }

  #plain(): object {
    const object: Record<string, unknown> = this.#meet({});
    for (let tag = this.#in.byte(); tag !== TAG_END; tag = this.#in.byte()) {
      const key = this.#in.textOf(tag);
      const value = this.#value(this.#in.byte());
      if (key === "__proto__") defineOwn(object, key, value);
      else object[key] = value;
    }
    return object;
  }

  /** Grows with what is there, not with the length that the bytes claim. */
  #array(): unknown[] {
    const array: unknown[] = this.#meet([]);
    const length = this.#in.varint();
    if (length > ARRAY_LENGTH_MAX) throw this.#invalid("an array is too long");
    for (let i = 0; i < length; i++) {
      const tag = this.#in.byte();
      if (tag === TAG_HOLES) return this.#sparse(array, i, length);
      array.push(this.#value(tag));
    }
    return array;
  }

  #sparse(array: unknown[], from: number, length: number): unknown[] {
    let next = from;
    for (let tag: number = TAG_HOLES; ; tag = this.#in.byte()) {
      if (tag === TAG_HOLES) {
        const count = this.#in.varint();
        if (count > length - next) throw this.#invalid("an array has more holes than places");
        // Makes V8 store it as a dictionary, else it would allocate the holes.
        if (count > HOLES_DENSE_MAX) array.length = ARRAY_LENGTH_MAX;
        next += count;
      } else {
        array[next++] = this.#value(tag);
      }
      if (next === length) break;
    }
    array.length = length;
    return array;
  }

  #map(): Map<unknown, unknown> {
    const map = this.#meet(new Map<unknown, unknown>());
    for (let tag = this.#in.byte(); tag !== TAG_END; tag = this.#in.byte()) {
      const key = this.#value(tag);
      map.set(key, this.#value(this.#in.byte()));
    }
    return map;
  }

  #set(): Set<unknown> {
    const set = this.#meet(new Set());
    for (let tag = this.#in.byte(); tag !== TAG_END; tag = this.#in.byte()) {
      set.add(this.#value(tag));
    }
    return set;
  }

  #view(): object {
    if (!this.#buffers) throw this.#invalid("a buffer is missing");
    const kind = this.#in.byte();
    const buffer = this.#in.varint();
    const byteOffset = this.#in.varint();
    return this.#buffers.view(kind, buffer, byteOffset, this.#in.varint());
  }

  #actor(): unknown {
    const handles = this.#handles();
    const actor = this.#id<ActorId>();
    const count = this.#in.varint();
    const methods: string[] = [];
    for (let i = 0; i < count; i++) methods.push(this.#in.text());
    return handles.fromWire({ kind: "actor", actor, methods });
  }

  #handles(): RefCodec {
    if (!this.#refs) throw this.#invalid("it holds a ref where none is expected");
    return this.#refs;
  }

  #id<T extends ObjectId | ActorId>(): T {
    const text = this.#in.text();
    if (text.length > ID_CHARS_MAX || !ID.test(text)) throw this.#invalid("an id is malformed");
    return text as T;
  }

  #regexp(): RegExp {
    const source = this.#in.text();
    const flags = this.#in.text();
    try {
      return new RegExp(source, flags);
    } catch (cause) {
      throw invalid("a regular expression is malformed", this.#in.position, cause);
    }
  }

  #boxed(): object {
    const primitive = this.read();
    if (!BOXABLE.has(typeof primitive)) throw this.#invalid("a wrapper has no primitive");
    return Object(primitive) as object;
  }

  #error(): Error {
    const Class = ERROR_CLASSES[this.#in.byte()];
    const fields = this.#in.byte();
    if (!Class || fields > ERROR_FIELDS_ALL) throw this.#invalid("unknown kind of error");
    const name = fields & ERROR_FIELD.name ? this.#in.text() : undefined;
    const message = fields & ERROR_FIELD.message ? this.#in.text() : undefined;
    const stack = fields & ERROR_FIELD.stack ? this.#in.text() : undefined;
    const error: Error = this.#meet(
      Class === AggregateError
        ? new AggregateError([], message)
        : new (Class as typeof Error)(message),
    );
    if (name !== undefined) defineHidden(error, "name", name);
    // Where it was thrown, not where it was decoded.
    defineHidden(error, "stack", stack ?? `${error.name}: ${error.message}`);
    if (fields & ERROR_FIELD.cause) defineHidden(error, "cause", this.read());
    if (fields & ERROR_FIELD.errors) defineHidden(error, "errors", this.read());
    return error;
  }

  #invalid(why: string) {
    return invalid(why, this.#in.position);
  }
}

const defineOwn = (object: object, key: string, value: unknown): void => {
  Object.defineProperty(object, key, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
};

const defineHidden = (object: object, key: string, value: unknown): void => {
  Object.defineProperty(object, key, { value, writable: true, configurable: true });
};
