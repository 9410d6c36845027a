declare module 'virtual:texts/*' {
  /** Text by key, in one language. */
  const texts: Record<string, string>
  export default texts
}
