import type { Requester, Target } from './exchange-request.js';
import type { Policy } from './policy.js';

/** Policies about one actor, by the target that they name; without one they are about every target. */
type ByTarget = Map<string | undefined, Policy[]>;

/** Finds the policies that name an actor and a target among many, without looking at the others. */
export class ActorPolicies {
  readonly #byClient = new Map<string, ByTarget>();
  /** Those that name clients and groups as well, of which both must hold. */
  readonly #byBoth = new Map<string, ByTarget>();
  readonly #byGroup = new Map<string, ByTarget>();
  readonly #forAll: ByTarget = new Map();

  constructor(policies: readonly Policy[]) {
    for (const policy of policies) {
      const { clients, groups } = policy.actor;
      const names = new Set(clients ?? groups);
      if (clients === undefined && groups === undefined) add(this.#forAll, policy);
      else for (const name of names) add(listsOf(this.#indexOf(policy), name), policy);
    }
  }

  /** The policies that name the actor and one of the targets, or all targets; in no order. */
  about(requester: Requester, targets: readonly Target[]): readonly Policy[] {
    const names = [undefined, ...targets.map(({ identifier }) => identifier)];
    return this.#of(requester, (byTarget) => joined(names.map((name) => byTarget.get(name) ?? [])));
  }

  /** The policies that name the actor, whatever the target; in no order. */
  of(requester: Requester): readonly Policy[] {
    return this.#of(requester, (byTarget) => joined([...byTarget.values()]));
  }

  #indexOf({ actor: { clients, groups } }: Policy): Map<string, ByTarget> {
    if (clients === undefined) return this.#byGroup;
    return groups === undefined ? this.#byClient : this.#byBoth;
  }

  #of(
    { clientId, groups = [] }: Requester,
    look: (byTarget: ByTarget) => readonly Policy[],
  ): readonly Policy[] {
    const lookIn = (byTarget: ByTarget | undefined): readonly Policy[] =>
      byTarget === undefined ? [] : look(byTarget);
    const both = lookIn(this.#byBoth.get(clientId)).filter(({ actor }) =>
      actor.groups?.some((group) => groups.includes(group)),
    );
    const lists = [
      lookIn(this.#byClient.get(clientId)),
      ...groups.map((group) => lookIn(this.#byGroup.get(group))),
      lookIn(this.#forAll),
      both,
    ];
    return joined(lists);
  }
}

function listsOf(index: Map<string, ByTarget>, name: string): ByTarget {
  const known = index.get(name) ?? new Map<string | undefined, Policy[]>();
  index.set(name, known);
  return known;
}

function add(lists: ByTarget, policy: Policy): void {
  for (const target of new Set(policy.targets ?? [undefined])) {
    const list = lists.get(target);
    if (list === undefined) lists.set(target, [policy]);
    else list.push(policy);
  }
}

/** Each of them once; most often there is one list, which is not copied. */
function joined(lists: readonly (readonly Policy[])[]): readonly Policy[] {
  const [first = [], ...others] = lists.filter(({ length }) => length > 0);
  return others.length === 0 ? first : [...new Set([first, ...others].flat())];
}
