import Type from "typebox";
import { Compile } from "typebox/compile";

/** Every message of PeerServer's protocol. What its fields are is checked by {@link checkForwarded}. */
export interface SignalMessage {
  readonly type: string;
  readonly src?: string | undefined;
  readonly dst?: string | undefined;
  readonly payload?: unknown;
}

const dst = Type.String({ minLength: 1, maxLength: 64 });
const connectionId = Type.String({ minLength: 1, maxLength: 128 });
const sdp = Type.Object({
  type: Type.Enum(["offer", "answer"]),
  sdp: Type.String({ maxLength: 48 * 1024 }),
});

const dataOffer = Type.Object({
  type: Type.Literal("data"),
  connectionId,
  sdp,
  label: Type.String({ maxLength: 128 }),
  serialization: Type.Enum(["raw", "json", "binary", "binary-utf8"]),
});
const mediaOffer = Type.Object({ type: Type.Literal("media"), connectionId, sdp });

/**
 * What one client may say to another. The receiving PeerJS trusts it: it constructs whatever class
 * `serialization` names, so an unchecked offer could throw in somebody else's page or process.
 */
const schemas = {
  OFFER: Type.Object({ dst, payload: Type.Union([dataOffer, mediaOffer]) }),
  ANSWER: Type.Object({ dst, payload: Type.Object({ connectionId, sdp }) }),
  CANDIDATE: Type.Object({
    dst,
    payload: Type.Object({
      connectionId,
      candidate: Type.Object({
        candidate: Type.String({ maxLength: 1_024 }),
        sdpMid: Type.Optional(Type.Union([Type.String({ maxLength: 16 }), Type.Null()])),
      }),
    }),
  }),
  LEAVE: Type.Object({ dst }),
};

const checks = new Map(Object.entries(schemas).map(([type, schema]) => [type, Compile(schema)]));

/** @returns what is wrong with a message for another client, or nothing if it may be passed on. */
export function checkForwarded(message: SignalMessage): string | undefined {
  const check = checks.get(message.type);
  if (!check) return `unknown type ${JSON.stringify(message.type)?.slice(0, 40)}`;
  // Typed, so that TypeScript does not take it for a fact about the type of `message`.
  const isRight: boolean = check.Check(message);
  if (isRight) return undefined;
  const [first] = check.Errors(message);
  return `${message.type}${first ? `${first.instancePath} ${first.message}` : " is malformed"}`;
}
