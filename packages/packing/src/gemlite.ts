/**
 * gemlite: weights in words [K/8, N] as GPTQ packs them, parameters [K/G, N].
 * Zeros are stored as they are, or as −zero·scale for a fused multiply-add:
 * see `zerosToBiases` and `biasesToZeros`.
 */
export { fromGptq as fromGemlite, toGptq as toGemlite } from "./gptq.js";
