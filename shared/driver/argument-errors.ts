import { MeshError } from "../errors.ts";

const PLACE = /^cannot encode value\[(\d+)\]/;

/**
 * Encode the arguments of something; an argument that cannot be is named by its place in the call.
 * @throws MeshError `NOT_ENCODABLE`, as `encode` does.
 */
export function argumentsOf<Encoded>(what: string, encode: () => Encoded): Encoded {
  try {
    return encode();
  } catch (error) {
    const [start, index] = (MeshError.is(error) && PLACE.exec(error.message)) || [];
    if (!MeshError.is(error) || start === undefined) throw error;
    const rest = error.message.slice(start.length);
    const place = `argument ${Number(index) + 1} of ${what}${rest.startsWith(":") ? "" : ", at "}`;
    throw new MeshError(error.code, `cannot encode ${place}${rest}`, error.details);
  }
}
