// Reads a CPU profile of V8 and says which part of the program the time belongs to.
import { table } from './report.js';

/**
 * @typedef {{ functionName: string, url: string, lineNumber: number }} Frame
 * @typedef {{ id: number, callFrame: Frame, children?: readonly number[] }} Node
 * @typedef {{ nodes: readonly Node[], startTime: number, samples: readonly number[], timeDeltas: readonly number[] }} Profile
 * @typedef {{ begin: number, end: number }} Window microseconds
 */

const TOP = 25;

/**
 * Packages by what they are for; the others stand for themselves.
 * @type {readonly (readonly [string, RegExp])[]}
 */
const PACKAGES = [
  [
    'jsonwebtoken',
    /^(jsonwebtoken|jws|jwa|ecdsa-sig-formatter|buffer-equal-constant-time|safe-buffer|semver|lodash\..*|@nestjs\/jwt)$/,
  ],
  [
    'express',
    /^(express|router|finalhandler|parseurl|path-to-regexp|body-parser|qs|proxy-addr|ipaddr\.js|forwarded|on-finished|etag|fresh|send|type-is|accepts|encodeurl|statuses|depd|debug|once)$/,
  ],
  [
    'nest',
    /^(@nestjs\/(common|core|platform-express|swagger|typeorm)|rxjs|reflect-metadata|iterare|tslib)$/,
  ],
  [
    'pino',
    /^(pino|pino-http|pino-std-serializers|sonic-boom|quick-format-unescaped|safe-stable-stringify|on-exit-leak-free|get-caller-file|process-warning|@pinojs\/.*)$/,
  ],
  ['pg', /^(pg|pg-.*|postgres-.*|pgpass|split2|xtend)$/],
];

/**
 * Parts of Node.js that are a cost of their own; the rest belongs to whoever calls it.
 * @type {readonly (readonly [string, RegExp])[]}
 */
const PARTS_OF_NODE = [
  ['node:crypto', /^node:(internal\/)?crypto/],
  ['node:http', /^node:(_http_|internal\/http|http$)/],
  [
    'node: sockets, streams',
    /^node:(net$|stream|internal\/(streams?|net|stream_base_commons|js_stream|dtrace))/,
  ],
  [
    'node: timers, task queues',
    /^node:internal\/(timers|process|async_hooks|promise)|^node:(timers|async_hooks|diagnostics_channel)/,
  ],
  ['node: files', /^node:(fs|internal\/fs)/],
];

/**
 * What took the time between two moments, as text.
 * @param {Profile} profile
 * @param {Window} window
 * @param {number} exchanges how many were answered in it
 */
export function describeProfile(profile, window, exchanges) {
  const { groups, functions } = costs(profile, window);
  const idle = groups.get('(idle)') ?? 0;
  groups.delete('(idle)');
  const busy = sum(groups.values());
  /** @param {number} time */
  const cells = (time) => [`${((100 * time) / busy).toFixed(1)} %`, (time / exchanges).toFixed(1)];
  const rows = byTime(groups).map(([name, time]) => [name, ...cells(time)]);
  const hot = byTime(functions)
    .slice(0, TOP)
    .map(([name, time]) => [name, ...cells(time)]);
  return [
    `${exchanges} exchanges, the process idle ${((100 * idle) / (busy + idle)).toFixed(0)} % of the time`,
    table([['where', 'share', 'µs per exchange'], ...rows, ['together', ...cells(busy)]]),
    table([['function', 'share', 'µs per exchange'], ...hot]),
  ].join('\n\n');
}

/** @param {Profile} profile @param {Window} window */
function costs(profile, { begin, end }) {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])),
  );
  /** @type {Map<string, number>} */
  const groups = new Map();
  /** @type {Map<string, number>} */
  const functions = new Map();
  let at = profile.startTime;
  profile.samples.forEach((id, index) => {
    // The delta of a sample leads to it; what it stands for is the time until the next.
    at += profile.timeDeltas[index] ?? 0;
    const time = profile.timeDeltas[index + 1] ?? 0;
    if (at < begin || at >= end) return;
    const group = groupOf(id, nodes, parents);
    groups.set(group, (groups.get(group) ?? 0) + time);
    if (group === '(idle)') return;
    const name = nameOf(nodes.get(id)?.callFrame);
    functions.set(name, (functions.get(name) ?? 0) + time);
  });
  return { groups, functions };
}

/**
 * The group of a node: its own, or that of the nearest caller that has one.
 * @param {number} id
 * @param {ReadonlyMap<number, Node>} nodes
 * @param {ReadonlyMap<number, number>} parents
 */
function groupOf(id, nodes, parents) {
  /** @type {number | undefined} */
  let at = id;
  while (at !== undefined) {
    const frame = nodes.get(at)?.callFrame;
    const group = frame && groupOfFrame(frame);
    if (group !== undefined) return group;
    at = parents.get(at);
  }
  return 'node: other';
}

/** @param {Frame} frame */
function groupOfFrame({ functionName, url }) {
  if (functionName === '(garbage collector)' || functionName === '(idle)') return functionName;
  if (functionName === '(program)') return '(program: outside of JavaScript)';
  if (url.startsWith('node:')) return PARTS_OF_NODE.find(([, urls]) => urls.test(url))?.[0];
  const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (name !== undefined) return PACKAGES.find(([, names]) => names.test(name))?.[0] ?? name;
  const room = /\/dist\/([^/]+)/.exec(url)?.[1];
  return room === undefined ? undefined : `our ${room}`;
}

/** @param {Frame | undefined} frame */
function nameOf(frame) {
  if (frame === undefined) return '(unknown)';
  const { functionName, lineNumber, url } = frame;
  const place = /(?:node_modules|dist)\/(.*)$/.exec(url)?.[1] ?? url;
  const name = functionName === '' ? '(anonymous)' : functionName;
  return place === '' ? name : `${name} ${place}:${lineNumber + 1}`;
}

/** @param {ReadonlyMap<string, number>} times */
function byTime(times) {
  return [...times].toSorted(([, a], [, b]) => b - a);
}

/** @param {Iterable<number>} values */
function sum(values) {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
