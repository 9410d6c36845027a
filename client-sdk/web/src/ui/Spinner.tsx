import './spinner.css'

/** Work is under way; says so only to the eye, the words stand beside it. */
export function Spinner() {
  return <span className="spinner" aria-hidden="true" />
}

/** Lines where text will stand, of the size that it will have. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  const numbers = Array.from({ length: lines }, (_, number) => number)
  return (
    <div className="skeleton" aria-hidden="true">
      {numbers.map(number => (
        <span key={number} />
      ))}
    </div>
  )
}
