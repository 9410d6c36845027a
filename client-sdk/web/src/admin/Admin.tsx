import { Skeleton } from '../ui/Spinner.tsx'

export default function Admin() {
  return <Skeleton />
}
