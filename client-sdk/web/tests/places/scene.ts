import { Company } from '../company.ts'
import { test as base, Server, Wire } from '../kit.ts'

/** The demo company with what it has to show besides: links, a group without words, a newcomer. */
export interface Scene {
  readonly company: Company
  readonly url: string
  /** Another way to the same server, which can be cut. */
  readonly wire: Wire
  readonly wired: string
  /** A server that nobody has set up. */
  readonly fresh: Server
  /** Conversations of Amy's. */
  readonly conv: Readonly<
    Record<'central' | 'managers' | 'everybody' | 'direct' | 'silent' | 'counting', string>
  >
  /** Tokens of links that work: to join, and to set a password. */
  readonly link: Readonly<Record<'join' | 'password', string>>
  readonly user: Readonly<Record<'bob' | 'newcomer', string>>
  readonly department: string
}

async function prepare(server: Server, fresh: Server, wire: Wire): Promise<Scene> {
  const company = new Company(server)
  const { convs } = await company.as('amy', 'conv.list', {})
  const titled = (part: string) => convs.find(({ title }) => title.includes(part))?.conv ?? ''
  const tree = await company.as('frank', 'org.department.tree', {})
  const department = tree.departments.find(({ name }) => name.includes('中環店'))?.department ?? ''
  const join = await company.as('frank', 'org.invite.create', { uses: 5, department })
  const newcomer = { login: 'siuming', name: '陳小明 Siu Ming Chan' }
  const { user } = await company.as('frank', 'org.member.add', newcomer)
  const password = await company.as('frank', 'org.invite.create', { user })
  return {
    company,
    url: server.url,
    wire,
    wired: await wire.start(),
    fresh,
    conv: {
      central: titled('中環店'),
      managers: titled('店長會'),
      everybody: titled('全公司公告'),
      direct: titled('Bob Wong'),
      silent: await company.group('員工旅行 Summer outing', 'amy', 'bob', 'carol'),
      counting: await company.group('盤點入數 Count', 'bob', 'amy', 'carol'),
    },
    link: { join: join.token, password: password.token },
    user: { bob: await company.user('bob'), newcomer: user },
    department,
  }
}

export const test = base.extend<object, { scene: Scene }>({
  scene: [
    async ({ server }, use) => {
      const fresh = new Server([])
      await fresh.start()
      const wire = new Wire(server)
      await use(await prepare(server, fresh, wire))
      wire.dispose()
      await fresh.stop()
      fresh.dispose()
    },
    // Before the first test, which else would take the newcomer for its own and let them go.
    { scope: 'worker', auto: true },
  ],
})
