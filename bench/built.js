/**
 * A module of the build. Only its type comes from the source.
 * @param {string} path
 * @returns {Promise<any>}
 */
export function built(path) {
  return import(new URL(`../dist/${path}`, import.meta.url).href);
}
