import { Skeleton } from '../ui/Spinner.tsx'

export default function Setup() {
  return <Skeleton />
}
