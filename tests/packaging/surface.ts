// Reads the exports of the package from its declarations, and the imports of other code.
import { join } from 'node:path'
import ts from 'typescript'

export interface Surface {
  /** Exports that exist at run time. */
  values: string[]
  types: string[]
}

/** The exports of the declarations in each file. */
export function declared(paths: string[]): Map<string, Surface> {
  const program = ts.createProgram(paths, {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    noEmit: true,
  })
  const checker = program.getTypeChecker()
  return new Map(paths.map((path) => [path, exportsOf(checker, program.getSourceFile(path))]))
}

function exportsOf(checker: ts.TypeChecker, source: ts.SourceFile | undefined): Surface {
  const module = source && checker.getSymbolAtLocation(source)
  if (!module) throw new Error(`${source?.fileName ?? 'a missing file'} exports nothing`)
  const surface: Surface = { values: [], types: [] }
  for (const symbol of checker.getExportsOfModule(module)) {
    const { flags } = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    surface[flags & ts.SymbolFlags.Value ? 'values' : 'types'].push(symbol.name)
  }
  return { values: surface.values.sort(), types: surface.types.sort() }
}

/** The names that a source imports from the package, as `entry#name`. */
export function imported(path: string, text: string): string[] {
  const found: string[] = []
  for (const statement of ts.createSourceFile(path, text, ts.ScriptTarget.ES2022).statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue
    const entry = statement.moduleSpecifier.text
    const bindings = statement.importClause?.namedBindings
    if (!/^lamplight(\/|$)/.test(entry) || !bindings || !ts.isNamedImports(bindings)) continue
    for (const { name, propertyName } of bindings.elements) found.push(`${entry}#${(propertyName ?? name).text}`)
  }
  return found
}

/**
 * The entries of an installed package that are code, with the paths of their declarations.
 */
export function entriesOf(folder: string, exports: Record<string, unknown>): { entry: string; types: string }[] {
  return Object.entries(exports).flatMap(([path, target]) => {
    const found = typesIn(target)
    return found ? [{ entry: join('lamplight', path), types: join(folder, found) }] : []
  })
}

/** The declarations for `import`. */
function typesIn(target: unknown): string | undefined {
  if (typeof target !== 'object' || target === null) return undefined
  const conditions = target as Record<string, unknown>
  const types = conditions['types']
  return typeof types === 'string' ? types : typesIn(conditions['import'] ?? conditions['default'])
}
