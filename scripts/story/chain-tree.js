/**
 * Draws a delegation chain, as the admin API tells it, as a tree: a hop hangs below the hop whose
 * token it presented, attempts in vain included.
 *
 * @param {any} view the chain: `summary`, `subject`, `clientId`, `hops`
 * @param {(name: string, text: string) => string} style
 * @returns {string[]} lines
 */
export function drawChain(view, style) {
  const below = (parentId) => view.hops.filter((hop) => hop.parentId === parentId);
  const lines = [
    style('bold', view.summary),
    style('dim', `chain ${view.chainId}`),
    '',
    `${view.subject?.sub} signed in to ${view.clientId} at ${view.subject?.iss}`,
  ];
  const branch = (parentId, indent) => {
    const hops = below(parentId);
    hops.forEach((hop, index) => {
      const isLast = index === hops.length - 1;
      const [first, ...rest] = describeHop(hop, view, style);
      lines.push(`${indent}${isLast ? '└─' : '├─'} ${first}`);
      const inner = `${indent}${isLast ? '  ' : '│ '} `;
      const hasMore = below(hop.record.id).length > 0;
      lines.push(...rest.map((line) => `${inner}${hasMore ? '│' : ' '}  ${style('dim', line)}`));
      branch(hop.record.id, inner);
    });
  };
  branch(null, '');
  return lines;
}

function describeHop({ record, narrowed }, view, style) {
  const { basis } = record;
  const rule = basis ? `${basis.policy} version ${basis.version}, rule ${basis.rule}` : 'none';
  const head = whoForWhom(record, view);
  if (record.outcome !== 'granted') {
    const scope = record.requested?.scope?.join(' ');
    return [
      `${style('red', '✗')} ${head}`,
      `refused   ${record.error}, because ${record.reason}`,
      ...(scope ? [`asked     ${scope}`] : []),
      `policy    ${rule}`,
    ];
  }
  return [
    `${style('green', '✓')} ${head}`,
    `target    ${list(narrowed.audience.from)} -> ${list(narrowed.audience.to)}`,
    `scope     ${change(narrowed.scope)}`,
    `lifetime  ${lifetime(narrowed.expiresAt, record.time)}`,
    `policy    ${rule}`,
  ];
}

/** Who acts, for whom, through whom: newest actor first, as the token's `act` tells it. */
function whoForWhom(record, view) {
  const actor = nameOf(record.actor) ?? record.client?.clientId ?? 'somebody';
  const through = (record.inboundActors ?? []).map(nameOf);
  const way = through.length > 0 ? `, through ${through.join(', ')}` : '';
  return `${actor} for ${nameOf(record.subject) ?? view.subject?.sub}${way}`;
}

function nameOf(party) {
  return party?.clientId ?? party?.sub;
}

function change({ from, to, dropped }) {
  const kept = `${list(from)} -> ${list(to)}`;
  return dropped.length === 0 ? list(to) : `${kept} (without ${list(dropped)})`;
}

function lifetime({ from, to }, time) {
  const left = (expiresAt) => `${Math.round(expiresAt - time / 1000)} s`;
  return from === null || to === null ? 'unknown' : `${left(from)} -> ${left(to)}`;
}

function list(values) {
  return values.length === 0 ? 'nothing' : values.join(' ');
}
