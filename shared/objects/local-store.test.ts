import fc from "fast-check";
import { expect, test } from "vitest";
import { MeshError } from "../errors.ts";
import type { ObjectId } from "../ids.ts";
import { LocalStore } from "./local-store.ts";

const object = (n: number) => `p.${n}` as ObjectId;
const codeOf = (run: () => void): string => {
  try {
    run();
  } catch (error) {
    if (MeshError.is(error)) return error.code;
    throw error;
  }
  return "fine";
};

test("accounts for every byte, whatever is put and deleted", () => {
  const operation = fc.tuple(fc.boolean(), fc.nat(5), fc.nat(60));
  fc.assert(
    fc.property(fc.array(operation), (operations) => {
      const store = new LocalStore({ bytesMax: 100 });
      const model = new Map<ObjectId, number>();
      const used = () => [...model.values()].reduce((sum, size) => sum + size, 0);
      for (const [puts, n, size] of operations) {
        if (puts) {
          const fits = model.has(object(n)) || used() + size <= 100;
          expect(codeOf(() => store.put(object(n), new Uint8Array(size)))).toBe(
            fits ? "fine" : "STORE_FULL",
          );
          if (fits && !model.has(object(n))) model.set(object(n), size);
        } else {
          expect(store.delete(object(n))).toBe(model.delete(object(n)));
        }
        expect(store.usage().memoryBytes).toBe(used());
        expect(store.usage().objects).toBe(model.size);
      }
      for (const [id, size] of model) expect(store.get(id)?.length).toBe(size);
    }),
  );
});

test("an object larger than the whole store is too large, not a full store", () => {
  const store = new LocalStore({ bytesMax: 100 });
  expect(codeOf(() => store.put(object(1), new Uint8Array(101)))).toBe("OBJECT_TOO_LARGE");
  expect(codeOf(() => store.put(object(1), new Uint8Array(100)))).toBe("fine");
});

test("a full store says how full it is and what to do", () => {
  const store = new LocalStore({ bytesMax: 100 });
  store.put(object(1), new Uint8Array(70));
  expect(() => store.put(object(2), new Uint8Array(40))).toThrow(
    /p\.2 of 40 bytes: 70 of 100 bytes are taken by 1 objects; release refs/,
  );
});

test("an object that is here already stays as it is", () => {
  const store = new LocalStore({ bytesMax: 100 });
  store.put(object(1), Uint8Array.of(1, 2));
  store.put(object(1), Uint8Array.of(9));
  expect(store.get(object(1))).toEqual(Uint8Array.of(1, 2));
  expect(store.usage().memoryBytes).toBe(2);
});
