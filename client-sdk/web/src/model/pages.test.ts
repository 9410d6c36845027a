import { describe, expect, test } from 'vitest'
import { Pages } from './pages.ts'

/** A server that lists numbers, two a page, and answers when the test says so. */
function serving(numbers: number[]) {
  const asked: (number | undefined)[] = []
  const waiting: (() => void)[] = []
  let broken = false
  const pages = new Pages<number>(async after => {
    asked.push(after)
    await new Promise<void>(go => waiting.push(go))
    if (broken) throw new Error('broken')
    const rest = numbers.filter(number => after === undefined || number > after)
    return { items: rest.slice(0, 2), more: rest.length > 2 }
  })
  const settle = async () => {
    while (waiting.length > 0) {
      for (const go of waiting.splice(0)) go()
      await new Promise(done => setImmediate(done))
    }
  }
  const break_ = (is: boolean) => {
    broken = is
  }
  return { pages, asked, settle, break: break_, state: () => pages.list.getState(), numbers }
}

describe('a list that comes in pages', () => {
  test('grows by one at a time until it ends', async () => {
    const { pages, asked, settle, state } = serving([1, 2, 3])
    void pages.next()
    void pages.next()
    await settle()
    expect(state()).toMatchObject({ items: [1, 2], more: true, loading: false })
    void pages.next()
    await settle()
    void pages.next()
    await settle()
    expect(state()).toMatchObject({ items: [1, 2, 3], more: false })
    expect(asked).toEqual([undefined, 2])
  })

  test('is fetched again as far as it was, once more if it changes meanwhile', async () => {
    const { pages, asked, settle, state, numbers } = serving([1, 2, 3, 5, 6])
    void pages.next()
    await settle()
    void pages.next()
    await settle()
    asked.length = 0
    void pages.again()
    numbers.splice(3, 0, 4)
    void pages.again()
    void pages.again()
    await settle()
    expect(state()).toMatchObject({ items: [1, 2, 3, 4], more: true, loading: false })
    expect(asked).toEqual([undefined, 2, undefined, 2])
  })

  test('keeps what it has when an answer does not come', async () => {
    const server = serving([1, 2, 3])
    void server.pages.next()
    await server.settle()
    server.break(true)
    void server.pages.next()
    await server.settle()
    expect(server.state()).toMatchObject({ items: [1, 2], more: true, loading: false })
    expect(server.state().error).toBeInstanceOf(Error)
    server.break(false)
    void server.pages.next()
    await server.settle()
    expect(server.state()).toMatchObject({ items: [1, 2, 3], error: undefined })
  })
})
