import { Skeleton } from '../ui/Spinner.tsx'

export default function People() {
  return <Skeleton />
}
