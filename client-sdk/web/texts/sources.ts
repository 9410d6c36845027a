import ts from 'typescript'

/** A place in a source file that a person would read, and that is not in the catalogue. */
export interface Literal {
  line: number
  text: string
}

/** Attributes and properties of our parts that people read or hear. */
const SPOKEN = new Set(
  `alt aria-label aria-description aria-roledescription aria-valuetext
   label placeholder title hint error action words`.split(/\s+/),
)
const LETTERS = /\p{L}/u

/** A source file, read. */
export function parse(name: string, source: string): ts.SourceFile {
  return ts.createSourceFile(name, source, ts.ScriptTarget.Latest, true)
}

/** Every string of a source file: what may be a key of the catalogue. */
export function strings(file: ts.SourceFile): Set<string> {
  const found = new Set<string>()
  walk(file, node => {
    if (ts.isStringLiteralLike(node)) found.add(node.text)
  })
  return found
}

/** The keys that are asked for by `t('key')`, also one of several by a condition. */
export function asked(file: ts.SourceFile): Set<string> {
  const found = new Set<string>()
  walk(file, node => {
    if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return
    const [key] = node.arguments
    if (node.expression.text !== 't' || !key) return
    for (const literal of shown(key)) found.add(literal.text)
  })
  return found
}

/** What stands in the source and on the screen, in letters. */
export function literals(file: ts.SourceFile): Literal[] {
  const found: Literal[] = []
  const add = (node: ts.Node, text: string) => {
    const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
    if (LETTERS.test(text)) found.push({ line, text: text.trim() })
  }
  walk(file, node => {
    if (ts.isJsxText(node)) add(node, node.text)
    for (const value of values(node)) for (const { text } of shown(value)) add(node, text)
  })
  return found
}

/** The expressions in a node that reach the screen. */
function values(node: ts.Node): ts.Expression[] {
  if (ts.isJsxExpression(node) && !ts.isJsxAttribute(node.parent)) {
    return node.expression ? [node.expression] : []
  }
  if (ts.isJsxAttribute(node) && SPOKEN.has(node.name.getText())) {
    const { initializer } = node
    if (!initializer) return []
    if (ts.isJsxExpression(initializer))
      return initializer.expression ? [initializer.expression] : []
    return [initializer]
  }
  if (ts.isPropertyAssignment(node) && SPOKEN.has(node.name.getText().replaceAll(/['"]/g, ''))) {
    return [node.initializer]
  }
  if (ts.isCallExpression(node) && node.expression.getText() === 'toast') {
    return node.arguments.slice(1)
  }
  return []
}

/** The strings that an expression can be, not those that it is made from. */
function shown(node: ts.Expression): { text: string }[] {
  if (ts.isStringLiteralLike(node)) return [node]
  if (ts.isTemplateExpression(node)) {
    return [{ text: node.head.text + node.templateSpans.map(span => span.literal.text).join('') }]
  }
  if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) return shown(node.expression)
  if (ts.isConditionalExpression(node)) return [...shown(node.whenTrue), ...shown(node.whenFalse)]
  if (!ts.isBinaryExpression(node)) return []
  const { kind } = node.operatorToken
  if (kind === ts.SyntaxKind.AmpersandAmpersandToken) return shown(node.right)
  const either = [
    ts.SyntaxKind.BarBarToken,
    ts.SyntaxKind.QuestionQuestionToken,
    ts.SyntaxKind.PlusToken,
  ]
  return either.includes(kind) ? [...shown(node.left), ...shown(node.right)] : []
}

function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node)
  ts.forEachChild(node, child => walk(child, visit))
}
