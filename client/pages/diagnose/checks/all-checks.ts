import type { Check } from "../check.ts";
import { cageCheck, secureContextCheck, storageCheck, webGpuCheck } from "./browser-checks.ts";
import { coordinatorCheck, joinCheck, tokenCheck } from "./coordinator-checks.ts";
import { directCheck, relayCheck } from "./path-checks.ts";
import type { Scene } from "./scene.ts";
import { candidatesCheck, webRtcCheck } from "./webrtc-checks.ts";

/** In the order in which things depend on each other. */
export const ALL_CHECKS: readonly Check<Scene>[] = [
  coordinatorCheck,
  tokenCheck,
  joinCheck,
  webRtcCheck,
  candidatesCheck,
  directCheck,
  relayCheck,
  cageCheck,
  secureContextCheck,
  webGpuCheck,
  storageCheck,
];
