/** What the client does about what the server says. */

import { type Call, repeats } from './calls.ts'
import { now } from './clock.ts'
import { backoff, CarillonError, errorBody, step } from './error.ts'
import { readLogPage, readSent } from './frame.ts'
import type { ErrorBody, ServerFrame, Topic } from './protocol.ts'
import { isUnauth, refused } from './socket.ts'
import type { Effect, Read } from './sync.ts'
import type { Task } from './task.ts'

/** So often the server may ask to send a call again; then it is given back to the program. */
const CALL_TRIES_MAX = 10

/** Takes a frame after `welcome`. */
export function onFrame(task: Task, frame: ServerFrame): void {
  switch (frame.t) {
    case 'ok':
      onAnswer(task, frame.re, frame.data, undefined)
      break
    case 'err': {
      const { t: _, re, ...error } = frame
      if (re === undefined) onRefusal(task, error)
      else onAnswer(task, re, undefined, error)
      break
    }
    case 'call': {
      const { t: _, ...asked } = frame
      task.answer(asked)
      break
    }
    case 'heard': {
      const { t: _, ...event } = frame
      task.told(event)
      break
    }
    case 'eph': {
      const { t: _, ...ephemeral } = frame
      task.feed.hint({ kind: 'ephemeral', ephemeral })
      break
    }
    default:
      onNews(task, frame)
  }
}

function onNews(task: Task, frame: ServerFrame): void {
  if (frame.t === 'synced') task.link.inStep()
  if (frame.t === 'page') {
    for (const page of frame.topics) task.feed.hint({ kind: 'topic', page })
  }
  perform(task, task.sync.apply(frame, now(), task.feed.room()))
}

/**
 * An error that answers no call. What passes concerns the connection, as a catch-up that must
 * wait, and so does a token. Anything else concerns a single frame, and the connection stays.
 */
function onRefusal(task: Task, error: ErrorBody): void {
  const down = refused(error)
  if (down.why !== 'final') task.link.drop(down)
}

/** Does what the state of the topics asks for. */
export function perform(task: Task, effects: Effect[]): void {
  for (const effect of effects) {
    switch (effect.do) {
      case 'deliver': {
        const { topic, seq } = effect.event
        task.feed.deliver({ kind: 'event', event: effect.event }, { at: 'topic', topic, seq })
        break
      }
      case 'start':
        task.feed.begin({ at: 'topic', topic: effect.topic, seq: effect.seq })
        if (effect.reset) {
          task.feed.hint({ kind: 'reset', topic: effect.topic, head: effect.seq })
        }
        break
      case 'forget':
        task.feed.begin({ at: 'gone', topic: effect.topic })
        task.feed.hint({ kind: 'gone', topic: effect.topic })
        break
      case 'read': {
        const to = { who: 'gap', topic: effect.read.topic } as const
        const args = JSON.stringify(effect.read)
        task.calls.add({ op: 'log.read', effect: 'read', args, to, attempts: 0 })
        break
      }
      case 'repaired':
        task.feed.hint({ kind: 'repaired', topic: effect.topic })
        break
      case 'synced':
        // Heartbeats bring newer tokens, which are nothing to the program.
        if (effect.again) task.feed.begin({ at: 'sync', token: effect.token })
        else task.feed.deliver({ kind: 'synced' }, { at: 'sync', token: effect.token })
        break
    }
  }
}

function onAnswer(task: Task, re: number, data: unknown, error: ErrorBody | undefined): void {
  const call = task.calls.answered(re)
  if (!call) return
  if (error) onError(task, call, error)
  else succeeded(task, call, data)
}

function onError(task: Task, call: Call, error: ErrorBody): void {
  const { to } = call
  if (to.who === 'outbox' && error.code === 'E_PREV_MISSING') {
    task.outbox.prevMissing(to.cid, now())
  } else if (to.who === 'outbox' && isUnauth(error)) {
    // The message has done nothing wrong: it waits until somebody has signed in again.
    task.link.drop(refused(error))
  } else {
    askAgain(task, call, error)
  }
}

/** Asks again as the retry table says, or gives up. */
function askAgain(task: Task, call: Call, error: ErrorBody): void {
  const { to } = call
  const attempts = to.who === 'outbox' ? task.outbox.attempts(to.cid) : call.attempts
  const next = step(error, attempts)
  const unknown = error.retry === 'same' && !repeats(call)
  const enough = to.who !== 'outbox' && attempts >= CALL_TRIES_MAX
  if (next.do === 'fail' || unknown || enough) {
    callRefused(task, call, error)
  } else {
    const at = now() + (next.do === 'again' ? next.ms : 0)
    if (to.who === 'outbox') task.outbox.again(to.cid, at)
    else task.calls.again(call, at)
  }
  if (next.do === 'resync') task.link.drop({ why: 'resync', reason: error.msg })
}

function succeeded(task: Task, { to }: Call, data: unknown): void {
  if (to.who === 'caller') {
    to.resolve(data)
  } else if (to.who === 'gap') {
    const page = readLogPage(data)
    logRead(task, to.topic, page ? { page } : 'failed')
  } else if (to.who === 'outbox') {
    const sent = readSent(data)
    // It is on the server's disk, and what the server says of it can be asked for again.
    if (sent) task.outbox.answered(to.cid, { sent })
    else task.outbox.again(to.cid, now() + backoff(task.outbox.attempts(to.cid) + 1))
  }
}

/** A call is refused for good. */
export function callRefused(task: Task, { to }: Call, error: ErrorBody): void {
  if (to.who === 'caller') {
    to.reject(new CarillonError(error))
  } else if (to.who === 'gap') {
    const gone = ['E_NOT_FOUND', 'E_NOT_MEMBER', 'E_FORBIDDEN'].includes(error.code)
    logRead(task, to.topic, gone ? 'gone' : 'failed')
  } else if (to.who === 'outbox') {
    task.outbox.answered(to.cid, { refused: error })
  }
}

/** The connection was lost before the answer, and the call must not be sent again. */
export function callLost(task: Task, call: Call): void {
  const msg = 'the connection was lost before the answer: it may have happened or not'
  callRefused(task, call, { ...errorBody('E_TIMEOUT_UNKNOWN', msg), retry: 'no' })
}

function logRead(task: Task, topic: Topic, read: Read): void {
  perform(task, task.sync.read(topic, read, now(), task.feed.room()))
}
