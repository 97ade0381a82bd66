import { parseSync, Visitor, type ESTree } from "rolldown/utils";

/** What a source file takes from elsewhere: its import specifiers (static, type, dynamic, re-exports) and the globals it names. */
export interface Imports {
  readonly specifiers: readonly string[];
  /** Those of them that are imported when they are needed. */
  readonly late: readonly string[];
  readonly globals: readonly string[];
}

/** An `import(...)` whose argument is no plain text: nobody can tell what it loads. */
export const COMPUTED = "<computed>";

/**
 * Reads the imports of TypeScript source with a real parser. Of globals only those in `watched` are reported, and none that the
 * file declares a variable or parameter of the same name for.
 */
export function readImports(source: string, watched: readonly string[] = []): Imports {
  const { program, module, errors } = parseSync("source.ts", source);
  if (errors.length > 0) throw new Error(errors[0]?.message);
  const late = module.dynamicImports.map(({ moduleRequest: { start, end } }) =>
    unquote(source.slice(start, end)),
  );
  const specifiers = [
    ...module.staticImports.map((statement) => statement.moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) => entries.map((entry) => entry.moduleRequest?.value)),
    ...late,
  ];
  const names = new Set<string>();
  const keys = new Set<number>();
  const declared = new Set<string>();
  const declare = ({ params }: { readonly params: readonly ESTree.ParamPattern[] }): void => {
    for (const param of params) for (const name of namesIn(param)) declared.add(name);
  };
  new Visitor({
    TSImportType: (node) => specifiers.push(node.source.value),
    // Names of members are identifiers too: visited before them, these tell which ones stand for no variable.
    MemberExpression: (node) => void (node.computed || keys.add(node.property.start)),
    Property: (node) => void (node.computed || node.shorthand || keys.add(node.key.start)),
    MethodDefinition: (node) => void (node.computed || keys.add(node.key.start)),
    PropertyDefinition: (node) => void (node.computed || keys.add(node.key.start)),
    TSMethodSignature: (node) => void (node.computed || keys.add(node.key.start)),
    TSPropertySignature: (node) => void (node.computed || keys.add(node.key.start)),
    VariableDeclarator: (node) => namesIn(node.id).forEach((name) => declared.add(name)),
    FunctionDeclaration: declare,
    FunctionExpression: declare,
    ArrowFunctionExpression: declare,
    Identifier: (node) => void (keys.has(node.start) || names.add(node.name)),
  }).visit(program);
  return {
    late,
    specifiers: [...new Set(specifiers.filter((specifier) => specifier !== undefined))],
    globals: watched.filter((name) => names.has(name) && !declared.has(name)),
  };
}

function namesIn(
  pattern: ESTree.ParamPattern | ESTree.BindingPattern | ESTree.BindingRestElement,
): readonly string[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern.name];
    case "AssignmentPattern":
      return namesIn(pattern.left);
    case "RestElement":
      return namesIn(pattern.argument);
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element === null ? [] : namesIn(element)));
    case "ObjectPattern":
      return pattern.properties.flatMap((field) => namesIn(field.type === "Property" ? field.value : field));
    default:
      return [];
  }
}

function unquote(text: string): string {
  return /^(["'`])[^"'`$]*\1$/.test(text) ? text.slice(1, -1) : COMPUTED;
}
