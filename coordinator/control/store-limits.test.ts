import { expect, test } from "vitest";
import type { CoordinatorMessage, Hello } from "../../shared/protocol/messages.ts";
import type { ObjectId } from "../../shared/ids.ts";
import { meshOf, ONE_CPU, type TestPlane } from "./test-plane.ts";

const MIB = 2 ** 20;
const large = "d.9" as ObjectId;

function meshWith(...limits: (number | undefined)[]): TestPlane {
  const mesh = meshOf();
  for (const [n, storeBytesMax] of limits.entries()) {
    const more: Partial<Hello> = storeBytesMax === undefined ? {} : { storeBytesMax };
    mesh.worker(`w${n}`, ONE_CPU, more);
  }
  return mesh;
}

const put = (mesh: TestPlane, sizeBytes: number): void =>
  mesh.receive("d", { type: "put-object", object: large, sizeBytes });

const errorOf = (mesh: TestPlane, task: string) =>
  mesh
    .sent()
    .map(([, message]) => message as Extract<CoordinatorMessage, { type: "object-located" }>)
    .find(({ type, state }) => type === "object-located" && state.object === task)?.state.error;

test("an argument larger than every worker's store fails its task at once, and says which is the largest", () => {
  const mesh = meshWith(10 * MIB, 30 * MIB, 20 * MIB);
  put(mesh, 31 * MIB);
  mesh.submit("d.1", "d.f", { dependencies: [large] });
  expect(errorOf(mesh, "d.1")).toMatchObject({
    code: "OBJECT_TOO_LARGE",
    message: expect.stringMatching(/d\.9 has 32505856 bytes.* of w1, takes 31457280/),
  });
});

test("what fits into one of them, or into one that does not say, is tried", () => {
  const fits = meshWith(10 * MIB, 31 * MIB);
  put(fits, 31 * MIB);
  fits.submit("d.1", "d.f", { dependencies: [large] });
  expect(fits.plane.scheduler.tasks.size).toBe(1);
  const unsaid = meshWith(10 * MIB, undefined);
  put(unsaid, 31 * MIB);
  unsaid.submit("d.1", "d.f", { dependencies: [large] });
  expect(unsaid.plane.scheduler.tasks.size).toBe(1);
  const nobody = meshWith();
  put(nobody, 31 * MIB);
  nobody.submit("d.1", "d.f", { dependencies: [large] });
  expect(nobody.plane.scheduler.tasks.size).toBe(1);
});

test("so does a task whose argument is made after it was submitted", () => {
  const mesh = meshWith(10 * MIB);
  mesh.receive("d", { type: "promise-object", object: large });
  mesh.submit("d.1", "d.f", { dependencies: [large] });
  mesh.sent();
  put(mesh, 31 * MIB);
  expect(errorOf(mesh, "d.1")?.code).toBe("OBJECT_TOO_LARGE");
});
