import { STATUS_CODES } from 'node:http';

/** One thing that is wrong with a request, with the field it is about. */
export interface FieldProblem {
  readonly field: string;
  readonly problem: string;
}

/** What an answer says besides its status and its sentence. */
export interface ProblemOptions extends ErrorOptions {
  readonly problems?: readonly FieldProblem[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal of the admin API, on purpose. The detail never repeats a secret or a token. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly problems: readonly FieldProblem[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  /** @param status the HTTP status; detail a sentence for the administrator */
  constructor(
    readonly status: number,
    readonly detail: string,
    options: ProblemOptions = {},
  ) {
    super(detail, options);
    this.problems = options.problems;
    this.headers = options.headers ?? {};
  }

  /** The problem document (RFC 9457 section 3); the status says its kind (section 4.2.1). */
  toDocument(): object {
    return {
      type: 'about:blank',
      title: STATUS_CODES[this.status] ?? 'Error',
      status: this.status,
      detail: this.detail,
      ...(this.problems === undefined ? {} : { problems: this.problems }),
    };
  }
}

/** 400 for fields that cannot be accepted. */
export function invalidFields(problems: readonly FieldProblem[]): Problem {
  return new Problem(400, 'The request has fields that cannot be accepted.', { problems });
}

/** 410 for records that were retired. */
export function retired(): Problem {
  return new Problem(
    410,
    'These records were retired; their hashes and every proof are still there.',
  );
}

/** 404 for what the path names. */
export function notFound(what: string): Problem {
  return new Problem(404, `There is no such ${what}.`);
}
