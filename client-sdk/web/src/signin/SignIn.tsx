import { Skeleton } from '../ui/Spinner.tsx'

export default function SignIn() {
  return <Skeleton />
}
