import { setTimeout as passed } from 'node:timers/promises'
import {
  type Args,
  CarillonError,
  type ConvId,
  newId,
  type Op,
  type Reply,
  rpc,
  type UserId,
} from '@carillon/client'
import { PASSWORD, type Server } from './kit.ts'

/** Who administers the demo company. */
const ADMINISTRATOR = 'frank'

/** What a test prepares in the demo company behind the pages, as a program would. */
export class Company {
  readonly #server: Server
  readonly #users = new Map<string, UserId>()

  constructor(server: Server) {
    this.#server = server
  }

  /** Does as this person, and no faster than a person may. */
  async as<O extends Op>(login: string, op: O, args: Args<O>): Promise<Reply<O>> {
    const how = { token: await this.#server.token(login), cid: newId() }
    for (;;) {
      try {
        return await rpc(this.#server.url, op, args, how)
      } catch (error) {
        const isSlowedDown = error instanceof CarillonError && error.code === 'E_RATE'
        if (!isSlowedDown || error.retryMs === undefined) throw error
        await passed(error.retryMs)
      }
    }
  }

  async user(login: string): Promise<UserId> {
    if (!this.#users.has(login)) {
      const { members } = await this.as(ADMINISTRATOR, 'org.member.list', { limit: 200 })
      for (const member of members) this.#users.set(member.login, member.user)
    }
    const user = this.#users.get(login)
    if (!user) throw new Error(`nobody is called ${login}`)
    return user
  }

  /** Somebody new, with the password of everybody. */
  async hire(login: string, name: string, more: { admin?: boolean } = {}): Promise<UserId> {
    const { admin = false } = more
    const added = { login, name, admin, password: PASSWORD }
    return (await this.as(ADMINISTRATOR, 'org.member.add', added)).user
  }

  /** A group of this person and the others. */
  async group(title: string, owner: string, ...others: string[]): Promise<ConvId> {
    const members = await Promise.all(others.map(login => this.user(login)))
    return (await this.as(owner, 'conv.create', { title, members })).conv
  }

  /** Says something; answers where it stands in the log. */
  async say(conv: ConvId, login: string, text: string): Promise<number> {
    return (await this.as(login, 'msg.send', { conv, body: { kind: 'text', text } })).seq
  }

  /** How much of a conversation a person has not read. */
  async unread(login: string, conv: ConvId): Promise<number> {
    return (await this.as(login, 'conv.get', { conv })).unread
  }
}
