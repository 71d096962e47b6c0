import type { ActorId, ObjectId } from "../ids.ts";
import { BufferCollector } from "./buffers.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type Kind, kindOf, tagOf, viewNameOf } from "./kinds.ts";
import {
  DEPTH_MAX,
  ERROR_CLASSES,
  ERROR_CLASS_NAMES,
  ERROR_FIELD,
  PREAMBLE_BYTES,
  TAG_ACTOR_REF,
  TAG_ARRAY,
  TAG_BACK_REFERENCE,
  TAG_BOXED,
  TAG_BUFFER,
  TAG_DATE,
  TAG_END,
  TAG_ERROR,
  TAG_FALSE,
  TAG_HOLES,
  TAG_MAP,
  TAG_NULL,
  TAG_OBJECT,
  TAG_OBJECT_REF,
  TAG_REGEXP,
  TAG_SET,
  TAG_TRUE,
  TAG_UNDEFINED,
  TAG_VIEW,
  VIEW_KINDS,
  VIEW_KIND_NUMBERS,
} from "./tags.ts";
import { Unencodable, adviceFor, propertyStep, reasonAgainst } from "./unencodable.ts";

/** What travels in place of a handle. */
export type WireRef =
  | { readonly kind: "object"; readonly object: ObjectId }
  | { readonly kind: "actor"; readonly actor: ActorId; readonly methods: readonly string[] };

/** How handles (ObjectRef, ActorHandle) get in and out of values. */
export interface RefCodec {
  /** Asked for every object that is no array, and for functions. Must not throw. */
  toWire(value: object): WireRef | undefined;
  fromWire(ref: WireRef): unknown;
}

/** Objects met so far, numbered. A Map pays off only from a handful on. */
class Numbering {
  readonly #first: object[] = [];
  #all: Map<object, number> | undefined;

  /** @returns its number if it was met before; else gives it the next one. */
  meet(value: object): number {
    const all = this.#all;
    if (all) {
      const known = all.get(value);
      if (known !== undefined) return known;
      all.set(value, all.size);
      return -1;
    }
    const first = this.#first;
    for (let i = 0; i < first.length; i++) if (first[i] === value) return i;
    if (first.push(value) > 8) this.#all = new Map(first.map((object, number) => [object, number]));
    return -1;
  }
}

const plainPrototype = Object.prototype;

/** Writes one value. Throws Unencodable at what cannot travel, and whatever a getter throws. */
export class Encoder {
  readonly out = new ByteWriter(PREAMBLE_BYTES);
  contained: Set<ObjectId> | undefined;
  buffers: BufferCollector | undefined;
  readonly #refs: RefCodec | undefined;
  readonly #met = new Numbering();
  #depth = 0;

  constructor(refs: RefCodec | undefined) {
    this.#refs = refs;
  }

  write(value: unknown): void {
    switch (typeof value) {
      case "number":
        return this.out.number(value);
      case "string":
        return this.out.text(value);
      case "object":
        return value === null ? this.out.byte(TAG_NULL) : this.#object(value);
      case "boolean":
        return this.out.byte(value ? TAG_TRUE : TAG_FALSE);
      case "undefined":
        return this.out.byte(TAG_UNDEFINED);
      case "bigint":
        return this.out.bigint(value);
      case "function":
        return this.#function(value);
      case "symbol":
        throw new Unencodable(adviceFor("Symbol"));
    }
  }

  #function(value: object): void {
    const wire = this.#refs?.toWire(value);
    if (!wire) throw new Unencodable(adviceFor("Function"));
    const known = this.#met.meet(value);
    if (known >= 0) this.#backReference(known);
    else this.#ref(wire);
  }

  #object(value: object): void {
    const known = this.#met.meet(value);
    if (known >= 0) return this.#backReference(known);
    if (++this.#depth > DEPTH_MAX) {
      throw new Unencodable(`it is nested more than ${DEPTH_MAX} levels deep; flatten it`);
    }
    if (Array.isArray(value)) this.#array(value);
    else {
      const wire = this.#refs?.toWire(value);
      if (wire) this.#ref(wire);
      else {
        const prototype: unknown = Object.getPrototypeOf(value);
        if (prototype === plainPrototype || prototype === null) this.#plain(value);
        else this.#exotic(value);
      }
    }
    this.#depth--;
  }

  #backReference(number: number): void {
    this.out.byte(TAG_BACK_REFERENCE);
    this.out.varint(number);
  }

  #ref(wire: WireRef): void {
    if (wire.kind === "object") {
      (this.contained ??= new Set()).add(wire.object);
      this.out.byte(TAG_OBJECT_REF);
      this.out.text(wire.object);
      return;
    }
    this.out.byte(TAG_ACTOR_REF);
    this.out.text(wire.actor);
    this.out.varint(wire.methods.length);
    for (const method of wire.methods) this.out.text(method);
  }

  #array(array: readonly unknown[]): void {
    const { length } = array;
    this.out.byte(TAG_ARRAY);
    this.out.varint(length);
    let i = 0;
    try {
      for (; i < length; i++) {
        const element = array[i];
        if (element === undefined && !(i in array)) break;
        this.write(element);
      }
    } catch (error) {
      throw withStep(error, `[${i}]`);
    }
    if (i < length) this.#sparse(array, i, length);
  }

  /** The elements from the hole at `from` on, without a look at every hole. */
  #sparse(array: readonly unknown[], from: number, length: number): void {
    let next = from;
    for (const key of Object.keys(array)) {
      const index = Number(key);
      if (!(index >= next)) continue;
      if (index >= length) break;
      if (index > next) this.#holes(index - next);
      try {
        this.write(array[index]);
      } catch (error) {
        throw withStep(error, `[${index}]`);
      }
      next = index + 1;
    }
    if (next < length) this.#holes(length - next);
  }

  #holes(count: number): void {
    this.out.byte(TAG_HOLES);
    this.out.varint(count);
  }

  #plain(object: object): void {
    this.out.byte(TAG_OBJECT);
    let key = "";
    try {
      for (key in object) {
        if (!Object.hasOwn(object, key)) continue;
        this.out.text(key);
        this.write((object as Record<string, unknown>)[key]);
      }
    } catch (error) {
      throw withStep(error, propertyStep(key));
    }
    this.out.byte(TAG_END);
  }

  #exotic(value: object): void {
    if (ArrayBuffer.isView(value)) return this.#view(value);
    const tag = tagOf(value);
    const kind = kindOf(value, tag);
    if (kind) return this.#builtIn(kind, value);
    const reason = reasonAgainst(value, tag);
    if (reason) throw new Unencodable(reason);
    this.#plain(value);
  }

  #builtIn(kind: Kind, value: object): void {
    switch (kind) {
      case "Map":
        return this.#map(value as Map<unknown, unknown>);
      case "Set":
        return this.#set(value as Set<unknown>);
      case "Date":
        this.out.byte(TAG_DATE);
        return this.out.float64(Date.prototype.getTime.call(value));
      case "RegExp":
        this.out.byte(TAG_REGEXP);
        this.out.text((value as RegExp).source);
        return this.out.text((value as RegExp).flags);
      case "Error":
        return this.#error(value as Error);
      case "ArrayBuffer":
      case "SharedArrayBuffer":
        return this.#buffer(value as ArrayBufferLike);
      case "Boolean":
        return this.#boxed(Boolean.prototype.valueOf.call(value));
      case "Number":
        return this.#boxed(Number.prototype.valueOf.call(value));
      case "String":
        return this.#boxed(String.prototype.valueOf.call(value));
      case "BigInt":
        return this.#boxed(BigInt.prototype.valueOf.call(value));
      default:
        kind satisfies never;
    }
  }

  #boxed(primitive: boolean | number | string | bigint): void {
    this.out.byte(TAG_BOXED);
    this.write(primitive);
  }

  /** A getter may add entries meanwhile: only those that were there at first are written. */
  #map(map: Map<unknown, unknown>): void {
    this.out.byte(TAG_MAP);
    let left = map.size;
    let index = 0;
    let part = "key";
    try {
      for (const [key, value] of map) {
        if (left-- === 0) break;
        part = "key";
        this.write(key);
        part = "value";
        this.write(value);
        index++;
      }
    } catch (error) {
      throw withStep(error, `<map ${part} ${index}>`);
    }
    this.out.byte(TAG_END);
  }

  #set(set: Set<unknown>): void {
    this.out.byte(TAG_SET);
    let left = set.size;
    let index = 0;
    try {
      for (const value of set) {
        if (left-- === 0) break;
        this.write(value);
        index++;
      }
    } catch (error) {
      throw withStep(error, `<set item ${index}>`);
    }
    this.out.byte(TAG_END);
  }

  #error(error: Error): void {
    const { name, stack } = error;
    const message: unknown = error.message;
    const named = ERROR_CLASS_NAMES.indexOf(name);
    const Class = named >= 0 ? named : nativeClassOf(error);
    const errors = Class === AGGREGATE && Array.isArray((error as AggregateError).errors);
    const fields =
      (named < 0 && typeof name === "string" ? ERROR_FIELD.name : 0) |
      (Object.hasOwn(error, "message") || message ? ERROR_FIELD.message : 0) |
      (typeof stack === "string" ? ERROR_FIELD.stack : 0) |
      (Object.hasOwn(error, "cause") ? ERROR_FIELD.cause : 0) |
      (errors ? ERROR_FIELD.errors : 0);
    this.out.byte(TAG_ERROR);
    this.out.byte(Class);
    this.out.byte(fields);
    if (fields & ERROR_FIELD.name) this.out.text(name);
    if (fields & ERROR_FIELD.message) this.out.text(String(message));
    if (fields & ERROR_FIELD.stack) this.out.text(stack!);
    if (fields & ERROR_FIELD.cause) this.#field(error, "cause");
    if (fields & ERROR_FIELD.errors) this.#field(error, "errors");
  }

  #field(error: Error, name: "cause" | "errors"): void {
    try {
      this.write((error as AggregateError)[name]);
    } catch (thrown) {
      throw withStep(thrown, `.${name}`);
    }
  }

  #view(view: ArrayBufferView<ArrayBufferLike>): void {
    assertAttached(view.buffer);
    const name = viewNameOf(view);
    const kindNumber = VIEW_KIND_NUMBERS.get(name);
    if (kindNumber === undefined) {
      throw new Unencodable(`a ${name} is not known here; use another typed array`);
    }
    const { elementLog2 } = VIEW_KINDS[kindNumber]!;
    this.buffers ??= new BufferCollector();
    const buffer = this.buffers.addView(view, elementLog2);
    this.out.byte(TAG_VIEW);
    this.out.byte(kindNumber);
    this.out.varint(buffer);
    this.out.varint(view.byteOffset);
    this.out.varint(view.byteLength / (1 << elementLog2));
  }

  #buffer(buffer: ArrayBufferLike): void {
    assertAttached(buffer);
    this.buffers ??= new BufferCollector();
    this.out.byte(TAG_BUFFER);
    this.out.varint(this.buffers.addWhole(buffer));
  }
}

const AGGREGATE = ERROR_CLASS_NAMES.indexOf("AggregateError");

/** The most specific class that the error is an instance of; Error if it is of another realm. */
function nativeClassOf(error: Error): number {
  const index = ERROR_CLASSES.findLastIndex((Class) => error instanceof Class);
  return Math.max(index, 0);
}

function assertAttached(buffer: ArrayBufferLike): void {
  if (buffer.byteLength > 0 || isAttached(buffer)) return;
  throw new Unencodable("its buffer was transferred away; pass it before you transfer it");
}

/** Only newer engines have `ArrayBuffer.prototype.detached`. */
function isAttached(buffer: ArrayBufferLike): boolean {
  try {
    return new Uint8Array(buffer).length === 0;
  } catch {
    return false;
  }
}

function withStep(error: unknown, step: string): unknown {
  if (error instanceof Unencodable) error.addStep(step);
  return error;
}
