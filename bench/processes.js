// How much processor time processes have used, from /proc; elsewhere it stays unknown.
import { readdirSync, readFileSync } from 'node:fs';

/** Milliseconds in one clock tick: USER_HZ is 100 wherever Node.js runs on Linux. */
const TICK = 10;

/**
 * User and system time of a process, in milliseconds.
 * @param {number} pid
 * @returns {number | undefined}
 */
export function cpuOf(pid) {
  const fields = statOf(pid);
  return fields && (Number(fields[11]) + Number(fields[12])) * TICK;
}

/**
 * The same of a process with its children, also with those that have ended.
 * @param {number} pid
 * @returns {number | undefined}
 */
export function cpuOfFamily(pid) {
  const parent = statOf(pid);
  if (parent === undefined) return undefined;
  let ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(parent[index]), 0);
  for (const name of readdirSync('/proc')) {
    const child = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (child && Number(child[1]) === pid) ticks += Number(child[11]) + Number(child[12]);
  }
  return ticks * TICK;
}

/** The parent of a process. @param {number} pid */
export function parentOf(pid) {
  return Number(statOf(pid)?.[1]);
}

/**
 * The fields of /proc/<pid>/stat behind the name: state, parent, ...
 * @param {number} pid
 */
function statOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
