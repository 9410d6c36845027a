import type { Department, DepartmentId, OrgMember, UserId } from '@carillon/client'

/** A department and how deep it lies: 1 at the top. */
export interface Placed {
  department: Department
  level: number
}

/** The departments of an organisation, as a tree. */
export class Departments {
  readonly #byId = new Map<DepartmentId, Department>()
  readonly #below = new Map<DepartmentId | undefined, Department[]>()

  /** From the server's list, which has siblings in their order. */
  constructor(list: readonly Department[]) {
    for (const department of list) {
      this.#byId.set(department.department, department)
      const siblings = this.#below.get(department.parent)
      if (siblings) siblings.push(department)
      else this.#below.set(department.parent, [department])
    }
  }

  get size(): number {
    return this.#byId.size
  }

  get(id: DepartmentId | undefined): Department | undefined {
    return id === undefined ? undefined : this.#byId.get(id)
  }

  /** What lies directly below, in its order; without an id, what lies at the top. */
  below(id?: DepartmentId): readonly Department[] {
    return this.#below.get(id) ?? []
  }

  /** The departments from the top down to this one. */
  path(id: DepartmentId | undefined): Department[] {
    const path: Department[] = []
    for (let at = this.get(id); at; at = this.get(at.parent)) path.unshift(at)
    return path
  }

  /** The names on the way down, as `Shops › Central`. */
  pathName(id: DepartmentId): string {
    return this.path(id)
      .map(department => department.name)
      .join(' › ')
  }

  /** Whether it is the other one, or lies below it. */
  isWithin(id: DepartmentId, other: DepartmentId): boolean {
    return this.path(id).some(department => department.department === other)
  }

  /** All of them from the top, each before those below it. */
  flat(parent?: DepartmentId, level = 1): Placed[] {
    return this.below(parent).flatMap(department => [
      { department, level },
      ...this.flat(department.department, level + 1),
    ])
  }

  /** Whom a person reports to: who was named, or else the next head on the way to the top. */
  managerOf({ user, manager, departments }: OrgMember): UserId | undefined {
    if (manager !== undefined) return manager
    const heads = this.path(departments[0]).map(department => department.head)
    return heads.reverse().find(head => head !== undefined && head !== user)
  }
}
