/** A storage as a browser's, with so much room. */
export function storage(room = Number.POSITIVE_INFINITY): Storage {
  const items = new Map<string, string>()
  const size = () => [...items.values()].reduce((sum, value) => sum + value.length, 0)
  return {
    get length() {
      return items.size
    },
    clear: () => items.clear(),
    key: index => [...items.keys()][index] ?? null,
    getItem: key => items.get(key) ?? null,
    removeItem: key => void items.delete(key),
    setItem: (key, value) => {
      if (size() + value.length > room) throw new Error('QuotaExceededError')
      items.set(key, value)
    },
  }
}
