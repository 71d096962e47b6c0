import { transportContract } from "./contract.ts";
import { memoryTransportPair } from "./memory.ts";

transportContract("memory", { connect: async () => memoryTransportPair() });
