import { type Args, type Card, type ConvId, type Op, type Reply, rpc } from '@carillon/client'
import type { Company } from './company.ts'
import type { Server } from './kit.ts'

/** A program of the demo company, as somebody else's script would be. */
export class Program {
  readonly #server: Server
  readonly #token: string
  readonly user: string

  private constructor(server: Server, token: string, user: string) {
    this.#server = server
    this.#token = token
    this.user = user
  }

  /** One of this name, with a token that an administrator has made. */
  static async make(server: Server, company: Company, app: string): Promise<Program> {
    const { token, user } = await company.as('frank', 'session.issue', { app })
    return new Program(server, token ?? '', user)
  }

  call<O extends Op>(op: O, args: Args<O>): Promise<Reply<O>> {
    return rpc(this.#server.url, op, args, { token: this.#token })
  }

  /** Sends a card; answers where it stands. */
  async card(conv: ConvId, card: Card): Promise<number> {
    return (await this.call('msg.send', { conv, body: { kind: 'card', card } })).seq
  }

  async markdown(conv: ConvId, text: string, title?: string): Promise<number> {
    const body = { kind: 'markdown' as const, text, ...(title !== undefined && { title }) }
    return (await this.call('msg.send', { conv, body })).seq
  }
}
