import { MeshError } from "../../../../shared/errors.ts";
import { formatDuration } from "../../page/format.ts";
import { getJson, TokenRefused } from "../../page/mesh-api.ts";
import type { Check } from "../check.ts";
import { joinMesh } from "./join-mesh.ts";
import type { Scene } from "./scene.ts";

interface Health {
  readonly status: string;
  readonly version: string;
  readonly workers: number;
}

export const coordinatorCheck: Check<Scene> = {
  id: "coordinator",
  title: "Coordinator answers",
  deadlineMs: 6_000,
  async run() {
    const startedMs = performance.now();
    try {
      const { version } = await getJson<Health>("/healthz", "");
      const took = formatDuration(performance.now() - startedMs);
      return { tone: "good", text: `Version ${version} answered in ${took}.` };
    } catch (error) {
      return {
        tone: "bad",
        text: error instanceof Error ? error.message : String(error),
        next: "Check that the mesh is running, and that this machine's network reaches its address.",
      };
    }
  },
};

export const tokenCheck: Check<Scene> = {
  id: "token",
  title: "Token is accepted",
  needs: ["coordinator"],
  deadlineMs: 6_000,
  async run({ token }) {
    const next = "Open the contribute link that “manta start” printed, then “Diagnose” from there.";
    if (!token) return { tone: "bad", text: "This tab has no token.", next };
    try {
      await getJson("/v1/state", token);
      return { tone: "good", text: "The mesh knows the token of this tab." };
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      const text = "The mesh does not know this token. A mesh that was started anew has new ones.";
      return { tone: "bad", text, next };
    }
  },
};

export const joinCheck: Check<Scene> = {
  id: "join",
  title: "WebSocket to the coordinator",
  needs: ["token"],
  deadlineMs: 15_000,
  async run(scene) {
    const startedMs = performance.now();
    try {
      const peer = await joinMesh(scene.token ?? "", { webrtc: true });
      scene.closers.push(() => peer.leave("its diagnosis is done"));
      scene.peer = peer;
      scene.welcome = peer.session.welcome;
      const took = formatDuration(performance.now() - startedMs);
      return { tone: "good", text: `This page joined the mesh as ${peer.self} in ${took}.` };
    } catch (error) {
      if (!MeshError.is(error)) throw error;
      const isRole = error.code === "FORBIDDEN";
      return {
        tone: "bad",
        text: isRole ? "This token allows to look, not to take part." : `${error.message}.`,
        next: isRole
          ? "Open the contribute link that “manta start” printed, then “Diagnose” from there."
          : "Pages load, but WebSockets do not: a proxy between here and the coordinator has to " +
            "pass on “Upgrade: websocket”. Ask whoever runs the proxy, or try another network.",
      };
    }
  },
};
