import { expect, test } from "vitest";
import type { Clock } from "../clock.ts";
import { MeshError } from "../errors.ts";
import { Membership, type Session } from "./membership.ts";

/** Waits end at once. */
const clock: Clock = {
  nowMs: () => 0,
  after(_delayMs, callback) {
    queueMicrotask(callback);
    return () => {};
  },
};

class FakeSession implements Session {
  end!: (reason: MeshError) => void;
  left: string | undefined;
  handedOver!: () => void;
  drain!: () => void;
  readonly drained = new Promise<void>((resolve) => (this.drain = resolve));
  readonly ended = new Promise<MeshError>((resolve) => (this.end = resolve));
  handOver(): Promise<void> {
    return new Promise((resolve) => (this.handedOver = resolve));
  }
  leave(reason: string): void {
    this.left = reason;
    this.end(new MeshError("DISCONNECTED", reason));
  }
}

/** A membership whose attempts to join go as the script says. */
function member(script: (FakeSession | MeshError)[]) {
  const told: string[] = [];
  const membership = new Membership<FakeSession>({
    clock,
    join() {
      const next = script.shift()!;
      return next instanceof FakeSession ? Promise.resolve(next) : Promise.reject(next);
    },
    onJoined: () => told.push("joined"),
    onOutage: ({ code }) => told.push(`outage ${code}`),
    onOver: () => told.push("over"),
  });
  return { membership, told };
}

const unreachable = () => new MeshError("PEER_UNREACHABLE", "nobody there");

test("a lost coordinator is joined again, and each outage is told once", async () => {
  const first = new FakeSession();
  const second = new FakeSession();
  const { membership, told } = member([first, unreachable(), unreachable(), second]);
  await membership.joined;
  first.end(new MeshError("DISCONNECTED", "gone"));
  await expect.poll(() => membership.session).toBe(second);
  expect(told).toEqual(["joined", "over", "outage DISCONNECTED", "over", "over", "joined"]);
});

test("what the coordinator refuses for good is not tried again", async () => {
  const { membership } = member([new MeshError("UNAUTHENTICATED", "bad token")]);
  await expect(membership.joined).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  expect((await membership.ended)?.code).toBe("UNAUTHENTICATED");
});

test("stopping says goodbye and ends without a reason", async () => {
  const session = new FakeSession();
  const { membership } = member([session]);
  await membership.joined;
  membership.stop("enough");
  expect(await membership.ended).toBeUndefined();
  expect(session.left).toBe("enough");
});

test("retiring says goodbye when what it keeps was handed over", async () => {
  const session = new FakeSession();
  const { membership } = member([session]);
  await membership.joined;
  const retired = membership.retire("enough");
  expect(session.left).toBeUndefined();
  session.handedOver();
  await retired;
  expect(session.left).toBe("enough");
  expect(await membership.ended).toBeUndefined();
});

test("a session that opens after the stop is left at once", async () => {
  const session = new FakeSession();
  const { membership, told } = member([session]);
  membership.stop("enough");
  await expect(membership.joined).rejects.toMatchObject({ code: "DISCONNECTED" });
  expect(session.left).toBe("enough");
  expect(told).toEqual(["over"]);
});
