/**
 * What is taken out of the code, one at a time, that keeps data safe. Each kind is a row of
 * {@link mutators}: how its places look in the syntax tree, and what stands there instead. Places
 * are known by what is called or compared, as the types say it (`Fs.rename`, `FileStat.ino`), never
 * by the name of a variable.
 */
import ts from 'typescript';
import type { Syntax } from './syntax.js';

/** One place, and what stands there instead. */
export interface Edit {
  /** Where in the text of the file. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

export interface Mutator {
  readonly kind: string;
  /**
   * What notices it: scenarios, or for what guards against strangers and nonsense, tests. Tried
   * first; all are tried.
   */
  readonly noticedBy: 'scenario' | 'test';
  readonly find: (node: ts.Node, syntax: Syntax) => Edit | undefined;
}

const RESOLVED = 'Promise.resolve()';

export const mutators: readonly Mutator[] = [
  {
    kind: 'file sync',
    noticedBy: 'scenario',
    find: (node, syntax) =>
      isCallOf(syntax, node, 'FsHandle.sync', 'FsFile.dataSync') && !isOnDirectory(syntax, node)
        ? instead(node, RESOLVED)
        : undefined,
  },
  {
    kind: 'directory sync',
    noticedBy: 'scenario',
    find: (node, syntax) =>
      isCallOf(syntax, node, 'FsHandle.sync') && isOnDirectory(syntax, node)
        ? instead(node, RESOLVED)
        : undefined,
  },
  calls('filesystem sync', 'scenario', RESOLVED, 'FsDirectory.syncFilesystem'),
  {
    kind: 'call of a sync',
    noticedBy: 'scenario',
    find: (node, syntax) =>
      ts.isExpressionStatement(node) &&
      /^(?!Fs)(\w+\.)?#?sync[A-Z]/.test(awaitedCallee(node, syntax))
        ? instead(node.expression, 'undefined')
        : undefined,
  },
  calls('rename', 'scenario', RESOLVED, 'Fs.rename', 'Fs.renameNoReplace', 'Fs.exchange'),
  calls('lock', 'scenario', 'true', 'FsHandle.tryLock'),
  calls('look at names', 'scenario', RESOLVED, 'freshenNames', 'freshenWay', 'askServer'),
  {
    kind: 'call under a lock',
    noticedBy: 'scenario',
    find: (node) => {
      if (!ts.isCallExpression(node) || node.expression.getText() !== 'withLock') return undefined;
      const work = node.arguments[1];
      const needsLock = work && ts.isArrowFunction(work) && work.parameters.length > 0;
      return work && !needsLock ? instead(node, `(${work.getText()})()`) : undefined;
    },
  },
  calls('lock still held', 'scenario', RESOLVED, 'Lock.assertHeld', 'HeldLock.assertHeld'),
  comparisons('inode comparison', 'scenario', 'FileStat.ino', 'FileStat.dev'),
  comparisons('owner check', 'test', 'FileStat.uid', 'FileStat.gid'),
  comparisons('group check', 'test', 'FileStat.gid'),
  comparisons('mode check', 'test', 'FileStat.mode'),
  comparisons('link check', 'test', 'FileStat.linkCount'),
  {
    kind: 'file kind check',
    noticedBy: 'test',
    find: (node, syntax) =>
      isGuard(node, syntax) && mentions(node.expression, syntax, 'FileStat.kind')
        ? instead(node.expression, 'false')
        : undefined,
  },
  {
    kind: 'bounds check',
    noticedBy: 'test',
    find: (node, syntax) =>
      isGuard(node, syntax) && comparesNumbers(node.expression, syntax)
        ? instead(node.expression, 'false')
        : undefined,
  },
  {
    kind: 'count check',
    noticedBy: 'scenario',
    find: (node, syntax) =>
      isEarlyReturn(node, syntax) && comparesNumbers(node.expression, syntax)
        ? instead(node.expression, 'true')
        : undefined,
  },
  // A file that must not be there yet is never a symlink that is followed (open(2), O_EXCL).
  flags('no-follow flag', 'noFollow', /create: 'exclusive'/),
  flags('non-block flag', 'nonBlock'),
  calls('settle barrier', 'scenario', RESOLVED, 'TaskGroup.close'),
  calls(
    'kept failure',
    'test',
    'undefined',
    'TaskFailures.add',
    'TaskFailures.close',
    'TaskFailures.refuseLate',
  ),
  {
    kind: 'own lock',
    noticedBy: 'test',
    find: (node, syntax) =>
      isGuard(node, syntax) &&
      ['isHeldHere', 'isHeldByStarter'].some((each) => mentions(node.expression, syntax, each))
        ? instead(node.expression, 'false')
        : undefined,
  },
  {
    kind: 'settle barrier',
    noticedBy: 'scenario',
    find: (node, syntax) =>
      isCallOf(syntax, node, 'PromiseConstructor.allSettled')
        ? instead(node.expression, 'Promise.all')
        : undefined,
  },
  {
    kind: 'durability',
    noticedBy: 'scenario',
    find: (node) =>
      ts.isBindingElement(node) && node.initializer?.getText() === `'durable'`
        ? instead(node.initializer, `'atomic'`)
        : undefined,
  },
  calls('pending commit', 'scenario', 'false', 'isCommitPending', 'isCommitted'),
  calls('lost name', 'scenario', RESOLVED, 'refuseLostName'),
  calls('kept stage', 'scenario', 'false', 'OwnedFile.#mayVanish'),
  calls('only copy', 'scenario', 'new Set()', 'onlyCopies'),
  calls('only copy', 'test', RESOLVED, 'refuseOnlyCopy'),
  calls('claim of a session', 'test', RESOLVED, 'startCommitting'),
  comparisons('checksum of a part', 'test', 'PublishedFile.sha256'),
  calls('link trial', 'test', RESOLVED, 'tryLink'),
  {
    kind: 'second look',
    noticedBy: 'test',
    find(node, syntax) {
      if (!isCallOf(syntax, node, 'askAgain', 'unlessStale', 'lookOrLock')) return undefined;
      const look = node.arguments.at(-1);
      return look && instead(node, `(${look.getText()})()`);
    },
  },
  {
    kind: 'fresh attributes',
    noticedBy: 'test',
    find(node, syntax) {
      const [freshness] = isCallOf(syntax, node, 'FsHandle.stat') ? node.arguments : [];
      return freshness && instead(freshness, '');
    },
  },
  calls('repair', 'scenario', RESOLVED, 'FsFile.truncate'),
  {
    kind: 'checksum',
    noticedBy: 'scenario',
    find: (node, syntax) =>
      isTest(node) && mentions(node, syntax, 'checksumOf')
        ? instead(node, whenWell(node))
        : undefined,
  },
  {
    kind: 'condition of a write',
    noticedBy: 'test',
    find(node, syntax) {
      if (!ts.isShorthandPropertyAssignment(node) || node.getText() !== 'condition')
        return undefined;
      const isOfPut = isCallOf(syntax, node.parent.parent, 'ObjectStore.put');
      return isOfPut ? instead(node, 'condition: undefined') : undefined;
    },
  },
  {
    kind: 'doubt',
    noticedBy: 'test',
    find: (node, syntax) =>
      ts.isBinaryExpression(node) && isEquality(node) && syntax.isOfType(node.left, 'Doubt')
        ? instead(node, whenWell(node))
        : undefined,
  },
  {
    kind: 'ETag comparison',
    noticedBy: 'test',
    find: (node, syntax) =>
      ts.isBinaryExpression(node) &&
      isEquality(node) &&
      syntax.memberOf(node.left) === 'ObjectInfo.etag'
        ? instead(node, 'false')
        : undefined,
  },
  {
    kind: 'nonce',
    noticedBy: 'test',
    find(node, syntax) {
      const content = isCallOf(syntax, node, 'withNonce') ? node.arguments[1] : undefined;
      return content && instead(node, content.getText());
    },
  },
  calls('history', 'test', 'true', 'History.has'),
  calls('own commit', 'test', 'false', 'isMadeBy'),
  calls('first use', 'test', RESOLVED, 'refuseConvicted'),
  calls('two winners', 'test', `{ outcome: 'passed' }`, 'twoWinners'),
  calls('end of a trial', 'test', RESOLVED, 'Trial.removeAll'),
  {
    kind: 'verdict',
    noticedBy: 'test',
    find: (node, syntax) =>
      ts.isBinaryExpression(node) &&
      isEquality(node) &&
      syntax.memberOf(node.left) === 'Verdict.outcome'
        ? instead(node, 'false')
        : undefined,
  },
  {
    kind: 'order',
    noticedBy: 'scenario',
    find(node, syntax) {
      const next = ts.isStatement(node) ? nextStatement(node) : undefined;
      if (!next || !isOrdered(node, syntax) || !isOrderedCall(next, syntax)) return undefined;
      const [first, second] = [node.getText(), next.getText()];
      return { from: node.getStart(), to: next.end, text: `${second}\n${first}` };
    },
  },
];

/** Calls that change names or make them durable: their order matters. */
const ordered = /rename|publish|exchange|sync|unlink|remove|apply|roll|retire/i;

/** Calls of these functions or members are not made, and give this. */
function calls(
  kind: string,
  noticedBy: Mutator['noticedBy'],
  text: string,
  ...callees: readonly string[]
): Mutator {
  return {
    kind,
    noticedBy,
    find: (node, syntax) => (isCallOf(syntax, node, ...callees) ? instead(node, text) : undefined),
  };
}

/**
 * Comparisons with the first member say that all is well; what is compared beside it in one go goes
 * with it.
 */
function comparisons(
  kind: string,
  noticedBy: Mutator['noticedBy'],
  member: string,
  ...besides: readonly string[]
): Mutator {
  const compares = (node: ts.Node, syntax: Syntax, members: readonly string[]): boolean =>
    ts.isBinaryExpression(node) &&
    isEquality(node) &&
    [node.left, node.right].some((side) => members.includes(syntax.memberOf(side)));
  return {
    kind,
    noticedBy,
    find(node, syntax) {
      if (!compares(node, syntax, [member])) return undefined;
      const both = node.parent;
      const isPair =
        ts.isBinaryExpression(both) &&
        [both.left, both.right].every((side) => compares(side, syntax, [member, ...besides]));
      return instead(isPair ? both : node, whenWell(node));
    },
  };
}

/** A flag of open(2) is not given. */
function flags(kind: string, name: string, unless?: RegExp): Mutator {
  return {
    kind,
    noticedBy: 'test',
    find: (node) =>
      ts.isPropertyAssignment(node) &&
      node.name.getText() === name &&
      node.initializer.kind === ts.SyntaxKind.TrueKeyword &&
      !unless?.test(node.parent.getText())
        ? instead(node.initializer, 'false')
        : undefined,
  };
}

function instead(node: ts.Node, text: string): Edit {
  return { from: node.getStart(), to: node.end, text };
}

function isCallOf(
  syntax: Syntax,
  node: ts.Node,
  ...callees: readonly string[]
): node is ts.CallExpression {
  return ts.isCallExpression(node) && callees.includes(syntax.calleeOf(node));
}

function isOnDirectory(syntax: Syntax, call: ts.CallExpression): boolean {
  const { expression } = call;
  return (
    ts.isPropertyAccessExpression(expression) &&
    syntax.isOfType(expression.expression, 'FsDirectory')
  );
}

/** What is called by `await f(…);`. */
function awaitedCallee(node: ts.Node, syntax: Syntax): string {
  if (!ts.isExpressionStatement(node) || !ts.isAwaitExpression(node.expression)) return '';
  const awaited = node.expression.expression;
  return ts.isCallExpression(awaited) ? syntax.calleeOf(awaited) : '';
}

function isOrderedCall(node: ts.Node, syntax: Syntax): boolean {
  return ordered.test(awaitedCallee(node, syntax));
}

/** Such a call, also one that is made under a condition. */
function isOrdered(node: ts.Node, syntax: Syntax): boolean {
  if (!ts.isIfStatement(node)) return isOrderedCall(node, syntax);
  const { thenStatement, elseStatement } = node;
  return (
    isOrderedCall(thenStatement, syntax) ||
    (elseStatement !== undefined && isOrderedCall(elseStatement, syntax))
  );
}

function nextStatement(node: ts.Statement): ts.Statement | undefined {
  const { parent } = node;
  if (!ts.isBlock(parent)) return undefined;
  return parent.statements[parent.statements.indexOf(node) + 1];
}

/**
 * `if (…) throw …`, but for a bare `Error`: that is said of what only a mistake of ours can break.
 */
function isGuard(node: ts.Node, syntax: Syntax): node is ts.IfStatement {
  if (!ts.isIfStatement(node) || !syntax.throws(node.thenStatement)) return false;
  return !/^\{?\s*throw new Error\(/.test(node.thenStatement.getText());
}

/** `if (…) return; throw …`. */
function isEarlyReturn(node: ts.Node, syntax: Syntax): node is ts.IfStatement {
  return (
    ts.isIfStatement(node) &&
    ts.isReturnStatement(node.thenStatement) &&
    syntax.throws(nextStatement(node))
  );
}

function isEquality(node: ts.BinaryExpression): boolean {
  return equalities.includes(node.operatorToken.kind);
}

const equalities: readonly ts.SyntaxKind[] = [
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
];

/** What a comparison says where all is well: what must be equal is, and what must not be is not. */
function whenWell(node: ts.Node): string {
  const isEqual =
    ts.isBinaryExpression(node) &&
    node.operatorToken.kind === ts.SyntaxKind.EqualsEqualsEqualsToken;
  return isEqual ? 'true' : 'false';
}

/** A comparison, or a call that is negated. */
function isTest(node: ts.Node): boolean {
  if (ts.isBinaryExpression(node)) return isEquality(node);
  return ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken;
}

function mentions(node: ts.Node, syntax: Syntax, member: string): boolean {
  if (syntax.memberOf(node) === member) return true;
  return node.forEachChild((child) => mentions(child, syntax, member) || undefined) ?? false;
}

const sizes: readonly ts.SyntaxKind[] = [
  ...equalities,
  ts.SyntaxKind.LessThanToken,
  ts.SyntaxKind.LessThanEqualsToken,
  ts.SyntaxKind.GreaterThanToken,
  ts.SyntaxKind.GreaterThanEqualsToken,
];

function comparesNumbers(node: ts.Node, syntax: Syntax): boolean {
  if (ts.isBinaryExpression(node) && sizes.includes(node.operatorToken.kind))
    return syntax.isNumber(node.left) && syntax.isNumber(node.right);
  return node.forEachChild((child) => comparesNumbers(child, syntax) || undefined) ?? false;
}
