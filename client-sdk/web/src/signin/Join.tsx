import { Skeleton } from '../ui/Spinner.tsx'

export default function Join() {
  return <Skeleton />
}
