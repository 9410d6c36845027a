import { Skeleton } from '../ui/Spinner.tsx'

export default function Settings() {
  return <Skeleton />
}
