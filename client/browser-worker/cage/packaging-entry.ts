/**
 * The packaging of functions for executors in the cage, as one module: with its parser it is several
 * times as large as all else there, and only tasks that submit work need it.
 */
export { shipClass, shipFunction } from "../../../shared/packaging/ship-function.ts";
