import { cpus, availableParallelism, release, totalmem } from 'node:os';

/**
 * @typedef {import('./measure.js').Figures} Figures
 * @typedef {{ name: string, title: string, figures: readonly Figures[] }} Results the rounds of a contender
 * @typedef {{ against: string, rate: number, least: number, most: number, cpu: number | null }} Ratio
 */

/** @param {{ version: string, fsync: string, synchronous_commit: string }} database */
export function machineFacts({ version, fsync, synchronous_commit }) {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
    postgres: version.split(' ', 2).join(' '),
    fsync,
    synchronousCommit: synchronous_commit,
  };
}

/** @param {ReturnType<typeof machineFacts>} facts */
export function describeMachine(facts) {
  const { cpu, cores, memoryGiB, system, node, postgres, fsync, synchronousCommit } = facts;
  return [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}`,
    `Node.js ${node}, ${postgres} (fsync ${fsync}, synchronous_commit ${synchronousCommit})`,
  ].join('\n');
}

/** @param {readonly Results[]} results */
export function describeResults(results) {
  const rows = results.map(({ title, figures }) => {
    const rates = figures.map(({ rate }) => rate);
    return [
      title,
      median(rates).toFixed(0),
      `${Math.min(...rates).toFixed(0)} to ${Math.max(...rates).toFixed(0)}`,
      medianOf(figures, 'p50').toFixed(1),
      medianOf(figures, 'p99').toFixed(1),
      cpuText(figures, 'serverCpu'),
      cpuText(figures, 'postgresCpu'),
      cpuText(figures, 'loadCpu'),
    ];
  });
  const head = ['', 'per s', 'range', 'p50 ms', 'p99 ms', 'CPU ms', 'PG ms', 'load ms'];
  return table([head, ...rows]);
}

/**
 * The service against each of the others: a ratio for each round, and of those the median.
 * @param {readonly Results[]} results
 * @returns {readonly Ratio[]}
 */
export function ratiosOf(results) {
  const own = results.find(({ name }) => name === 'service');
  if (own === undefined) return [];
  return results
    .filter((other) => other !== own)
    .map(({ title, figures }) => {
      const rates = own.figures.map(
        ({ rate }, round) => rate / (figures[round]?.rate ?? Number.NaN),
      );
      const costs = own.figures.map((mine, round) => cpuOfAll(mine) / cpuOfAll(figures[round]));
      return {
        against: title,
        rate: median(rates),
        least: Math.min(...rates),
        most: Math.max(...rates),
        cpu: costs.some(Number.isNaN) ? null : median(costs),
      };
    });
}

/** @param {readonly Ratio[]} ratios */
export function describeRatios(ratios) {
  const rows = ratios.map(({ against, rate, least, most, cpu }) => [
    against,
    rate.toFixed(2),
    `${least.toFixed(2)} to ${most.toFixed(2)}`,
    cpu === null ? '-' : cpu.toFixed(2),
  ]);
  return table([['nest-token-exchange /', 'rate', 'range', 'CPU'], ...rows]);
}

/** Columns of text: the first to the left, the others to the right. @param {string[][]} rows */
export function table(rows) {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** @param {readonly number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** @param {readonly Figures[]} figures @param {'p50' | 'p99'} name */
function medianOf(figures, name) {
  return median(figures.map((each) => each[name]));
}

/** @param {readonly Figures[]} figures @param {'serverCpu' | 'postgresCpu' | 'loadCpu'} name */
function cpuText(figures, name) {
  const known = figures.map((each) => each[name]).filter((value) => value !== null);
  return known.length === 0 ? '-' : median(known).toFixed(3);
}

/** Of the server and its database together. @param {Figures | undefined} figures */
function cpuOfAll(figures) {
  return (figures?.serverCpu ?? Number.NaN) + (figures?.postgresCpu ?? 0);
}
