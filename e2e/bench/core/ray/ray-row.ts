import { median } from "../../compare.ts";
import { rayMesh } from "../../node-mesh.ts";
import type { Stage } from "../../stage.ts";
import type { Figure, Row } from "../../suite.ts";
import type { RayBody } from "./body.ts";
import { RayProcess } from "./ray-process.ts";
import { asRayPrints, RAY_ROUNDS, timed } from "./timeit.ts";

/** A row that is measured as Ray measures its own, and with `--vs ray` against Ray, round by round. */
export const rayRow = (body: RayBody): Row => ({
  name: body.name,
  measures: body.measures,
  run: (stage) => run(body, stage),
});

async function* run(body: RayBody, stage: Stage): AsyncGenerator<Figure> {
  const ray = stage.versus === "ray" ? await rayProcess(stage) : undefined;
  const prepared = await body.prepare(await rayMesh(stage));
  const ours = timed(body.operations, prepared.run);
  const theirs = await ray?.prepare(body.name);
  const values: { ours: number[]; theirs: number[] } = { ours: [], theirs: [] };
  try {
    await ours.warmUp();
    await theirs?.warmUp();
    for (let round = 0; round < RAY_ROUNDS; round++) {
      values.ours.push(await ours.round());
      if (theirs) values.theirs.push(await theirs.round());
    }
  } finally {
    prepared.close?.();
  }
  yield { name: body.name, unit: "1/s", ...asRayPrints(values.ours) };
  if (!theirs) return;
  yield { name: `${body.name}_ray`, unit: "1/s", ...asRayPrints(values.theirs) };
  yield {
    name: `${body.name}_vs_ray`,
    value: median(values.ours.map((value, round) => value / values.theirs[round]!)),
    unit: "ratio",
    ...(body.atLeast === undefined ? {} : { target: { atLeast: body.atLeast } }),
  };
}

const rayProcess = (stage: Stage): Promise<RayProcess> =>
  stage.share(
    "ray",
    () => RayProcess.start(),
    (ray) => ray.stop(),
  );
