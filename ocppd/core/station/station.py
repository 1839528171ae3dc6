"""A charging station: six inputs, a state, and what comes out of it.

An input runs its handler to the end, then the reactions to the events it emitted, first in first out, then
the outbox may release a call. Nothing here waits and nothing leaves before `drain`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from ocppd.core import comm, network, outbox, overrides, rpc, schemas, session, versions, views
from ocppd.core.errors import CallError, CommandError, FrameError
from ocppd.core.state import Csms, QueuedCall
from ocppd.core.station.outputs import Answer, Done, Event, Job, Later, Order, Outputs
from ocppd.core.times import format_time

if TYPE_CHECKING:
    from ocppd.core.chaos import Chaos
    from ocppd.core.description import StationDescription
    from ocppd.core.endpoint import Endpoint
    from ocppd.core.on import Handler, Handlers
    from ocppd.core.schemas import Payload, Version
    from ocppd.core.state import Connector, Evse, Override, Request, State
    from ocppd.core.variables import Model, Slot, Variable

T = TypeVar("T")

# As the edge words a connection that the CSMS has closed because a message is too big for it.
_TOO_BIG = "by the CSMS: 1009"


class Station:
    """See the module. `id` is the OCPP identity, `now` the moment of the current input, in epoch seconds."""

    def __init__(
        self, description: StationDescription, state: State, handlers: Handlers, model: Model
    ) -> None:
        self.id = description.id
        self.description = description
        self.state = state
        self.model = model
        self.now = 0.0
        self.request: Request | None = None
        self._handlers = handlers
        self._cause = ""
        self._out = Outputs()
        self._events: list[Event] = []  # an empty deque has room for 64; a fleet would feel it
        self._lost: list[QueuedCall] = []

    # Inputs

    def start(self, now: float, *, boots: bool) -> None:
        """The daemon has started, and no socket has survived; `boots` tells a power-up from a resume."""
        if boots:
            last = min((evse.meter.at for evse in self.state.evses), default=now)
            self.state.dark_since = self.state.dark_since or last
            for evse in self.state.evses:
                session.cut_off(evse, now)  # no energy flowed while there was no power
        self._begin(now, "start")
        if self.state.csms.connected:
            self._disconnect()
        csms = self.state.csms
        self.state.csms = Csms(protocol=csms.protocol, offline_since=csms.offline_since, alarms=csms.alarms)
        self.emit("started")
        if boots and self.state.power:
            self.emit("power_up", reason="PowerUp")
        self._end()

    def connected(self, now: float, protocol: str) -> None:
        """The link is up, with that subprotocol."""
        self._begin(now, "link")
        before, offline_since = self.state.csms.protocol, self.state.csms.offline_since
        self.state.csms = Csms(connected=True, protocol=protocol, since=now, offline_since=offline_since)
        if before is not None and self.version != versions.version_of(before):
            self._change_version()
        self.emit("csms_connected", protocol=protocol)
        self._end()
        self.state.csms.offline_since = None

    def disconnected(
        self, now: float, reason: str, failures: int, retry_in: float | None, kind: str = ""
    ) -> None:
        """The link went (`failures` 0), or could not be had for the nth time in a row.

        `kind` is the security event that the failure is (part 2, appendix 1), empty where it is none.
        """
        self._begin(now, "link")
        csms = self.state.csms
        if csms.connected:
            self._disconnect(too_big=_TOO_BIG in reason)
            self.emit("csms_disconnected", reason=reason)
        csms.attempt, csms.last_error = failures, reason
        csms.retry_at = None if retry_in is None else now + retry_in
        if failures:
            self.emit("connect_failed", kind=kind, reason=reason, failures=failures)
        self._end()

    def receive(self, now: float, text: str) -> None:
        """A frame of the CSMS; a station without power, or that has hung up, does not hear it."""
        if not self.wants_link:
            return
        self._begin(now, "csms")
        try:
            self._dispatch(rpc.decode(text, self.version))
        except FrameError as error:
            self._refuse(rpc.encode_refusal(error, self.version), error)
        self._end()

    def command(self, now: float, request: Request, arguments: Mapping[str, Any]) -> None:
        """A command whose arguments fit its handler; the answer is among the outputs, now or later."""
        self._begin(now, request.cause)
        self.request = request
        try:
            outcome = self._handlers.commands[request.command](self, **arguments)
        except CommandError as error:
            self._answer(request, error)
        except Exception as error:  # noqa: BLE001 - a bug in one handler must not take the others down
            self._out.bugs.append(error)
            text = "the station failed to do this: the daemon's log says why"
            self._answer(request, CommandError("internal", text))
        else:
            self._keep_or_answer(request, outcome)
        self._end()

    def wake(self, now: float) -> None:
        """Time has passed: run what is due, oldest first."""
        due = sorted((at, name) for name, at in self.state.timers.items() if at <= now)
        self._begin(now, "timer")
        for _, name in due:
            if self.state.timers.get(name, now + 1) > now:
                continue  # a timer before it has moved or cancelled it
            del self.state.timers[name]
            self._ring(name)
            self._react()
        self._end()

    def _ring(self, name: str) -> None:
        kind, *numbers = name.split(":")
        self._cause = f"timer:{kind}"
        handler = self._handlers.timers.get(kind)
        if handler is not None and all(number.isdecimal() for number in numbers):
            self._guard(handler, *map(int, numbers))  # else the state is that of another version

    def worked(self, now: float, job: Job, report: Mapping[str, Any]) -> None:
        """A job goes on or has ended: `report` is for the handlers of its kind to understand."""
        self._begin(now, f"work:{job.kind}")
        handler = self._handlers.work.get(job.kind)
        if handler is not None:
            self._guard(handler, job.key, report)
        self._end()

    def tell(self, now: float, name: str, data: dict[str, Any]) -> None:
        """Something that happened around the station, for whoever listens."""
        self._begin(now, "daemon")
        self.emit(name, **data)
        self._end()

    def look(self, now: float) -> None:
        """Bring meters up to `now`; nothing else happens, and nothing comes out."""
        self._begin(now, "")

    def drain(self) -> Outputs:
        """What has come out since the last time."""
        out, self._out = self._out, Outputs()
        return out

    # Questions

    @property
    def is_running(self) -> bool:
        """Powered, and neither booting nor about to reset."""
        reset = self.state.reset
        about_to_reset = reset is not None and reset.deadline is not None
        return self.state.power and not self.state.rebooting and not about_to_reset

    def require_power(self) -> None:
        """Raise CommandError where the station cannot act because it is off or booting."""
        if not self.is_running:
            raise CommandError("invalid_state", "the station has no power or is booting")

    @property
    def firmware(self) -> str:
        """The version that runs: the one that was installed last (L01.FR.28), or that it came with."""
        return self.state.firmware or self.description.hardware.firmware

    @property
    def version(self) -> Version:
        """The OCPP of the connection, or of the latest one."""
        return versions.version_of(self.state.csms.protocol)

    @property
    def next_due(self) -> float | None:
        """When `wake` is due, in epoch seconds."""
        timers = self.state.timers
        return min(timers.values()) if timers else None

    @property
    def is_online(self) -> bool:
        """Connected, and accepted by the CSMS."""
        return self.state.csms.connected and self.state.boot.due is None

    @property
    def wants_link(self) -> bool:
        """Whether there should be a connection now."""
        state = self.state
        return state.power and state.network and state.wanted and not state.rebooting

    @property
    def endpoint(self) -> Endpoint:
        """Where and how to connect now (A00, Part 4 5.3)."""
        return network.endpoint(self)

    def value(self, slot: Slot, attribute: str = "Actual") -> str | None:
        """The value of an attribute that the slot has; None where it has none yet."""
        if slot.variable.read is not None and attribute == "Actual":
            return slot.variable.read(self, slot.evse, slot.connector)
        return self.state.variables.get(slot.key_of(attribute), slot.attributes[attribute])

    def get(self, variable: Variable[T], evse: int = 0, connector: int = 0) -> T:
        """The value of a variable that always has one."""
        key = variable.key(evse, connector) if evse else variable.station_key
        text = self.state.variables.get(key)
        if text is None:
            text = self.model.slots[key].attributes["Actual"] or ""
        return variable.parse(text)

    def evses(self) -> list[tuple[int, Evse]]:
        """Every EVSE with its number, from 1."""
        return list(enumerate(self.state.evses, start=1))

    def evse(self, number: int) -> Evse:
        """The EVSE of that number, which must exist."""
        return self.state.evses[number - 1]

    def connector(self, evse: int, number: int) -> Connector:
        """The connector of that number at that EVSE, which must exist."""
        return self.state.evses[evse - 1].connectors[number - 1]

    def evse_of(self, transaction_id: str) -> int | None:
        """The EVSE at which that transaction runs."""
        running = ((number, evse.transaction) for number, evse in self.evses() if evse.transaction)
        return next((number for number, tx in running if tx.id == transaction_id), None)

    @property
    def clock(self) -> float:
        """What the station's own clock shows, in epoch seconds: the CSMS means that."""
        return self.now + self.state.clock_offset

    def timestamp(self) -> str:
        """The station's own clock, for what it tells the CSMS."""
        return format_time(self.clock)

    # Verbs

    def send(
        self,
        action: str,
        payload: Payload,
        *,
        context: dict[str, Any] | None = None,
        keep: bool = False,
        first: bool = False,
        while_pending: bool = False,
        checked: bool = True,
    ) -> None:
        """Say `action` to the CSMS when the outbox lets it pass.

        `keep` lets it wait for a connection; without one, and unless QueueAllMessages says otherwise, it is
        lost at once, and so it is where too many wait. `first` passes it before what is kept, `while_pending`
        lets it pass before the CSMS has accepted the station. `context` comes back with the answer. `checked`
        off sends what fits no schema. What the OCPP of the connection does not know is lost.
        """
        is_known = not checked or self._can_say(action, payload)
        call = QueuedCall(
            action=action,
            payload=payload,
            id=self._next_message_id(),
            context=context or {},
            # Every boot and every connection asks anew whether a BootNotification is due.
            keep=keep or (self.get(comm.QUEUE_ALL_MESSAGES) and action != "BootNotification"),
            first=first,
            while_pending=while_pending,
            checked=checked,
        )
        if not is_known or not (self.state.csms.connected or call.keep):
            self._lost.append(call)
            return
        box = self.state.outbox
        if outbox.repeats(box, call):
            return
        if not outbox.has_room(box, call):
            self._lost.append(call)
            if outbox.overflows_anew(box):
                self.emit("warning", message=f"{outbox.MOST_CALLS} calls wait for the CSMS, more are lost")
                self.emit("outbox_full", info="calls wait for the CSMS and others are lost")
            return
        outbox.put(box, call)
        if dropped := outbox.thin(box):
            self.emit("warning", message="too many transaction events wait", dropped=dropped)
            self.emit("outbox_full", info="transaction events wait for the CSMS and some were dropped")

    def post(self, action: str, payload: Payload) -> None:
        """SEND it, which nobody answers and nothing waits for (OCPP 2.1); no part of the answer to a call."""
        schemas.check_send(action, payload)
        self._out.frames.append(rpc.encode_send(self._next_message_id(), action, payload))

    def emit(self, name: str, evse: int = 0, connector: int = 0, **data: Any) -> None:
        """Tell the other blocks, and whoever listens outside, what has happened."""
        self._emit(name, (evse, connector), data, self.request)

    def _emit(self, name: str, place: tuple[int, int], data: dict[str, Any], request: Request | None) -> None:
        if name in views.PUBLIC_EVENTS:
            self.state.seq += 1
        request_id = request.request_id if request else None
        self._events.append(Event(name, *place, data, self._cause, request_id, self.now, self.state.seq))

    def after(self, seconds: float, timer: str) -> None:
        """Run the timer's handler in `seconds`, instead of when it was due before."""
        self.state.timers[timer] = self.now + seconds

    def at(self, moment: float, timer: str) -> None:
        """Run the timer's handler at `moment`, in epoch seconds, instead of when it was due before."""
        self.state.timers[timer] = moment

    def cancel(self, timer: str) -> None:
        """Forget the timer."""
        self.state.timers.pop(timer, None)

    def forget_timers(self, *but: str) -> None:
        """Forget every timer except those of the kinds named."""
        for name in list(self.state.timers):
            if name.partition(":")[0] not in but:
                del self.state.timers[name]

    def order(self, kind: str, code: int = 1000, reason: str = "") -> None:
        """Have the link do what only it can do."""
        self._out.orders.append(Order(kind, code, reason))

    def disturb(self, chaos: Chaos | None) -> None:
        """Have the link spoil the frames from now on; None ends that."""
        self._out.orders.append(Order("disturb", chaos=chaos))

    def work(self, kind: str, key: str, **data: Any) -> None:
        """Have an edge do something that takes time or needs I/O; see `Job`."""
        self._out.jobs.append(Job(key, kind, data))

    def stop_work(self, key: str) -> None:
        """End the job of that key, if it runs still; nothing more is reported of it."""
        self._out.jobs.append(Job(key))

    def triggers(self, message: str) -> Handler | None:
        """Who knows what TriggerMessage is to send for `message`; None where nobody does."""
        return self._handlers.triggers.get(message)

    def finish(self, key: int | None, outcome: Done | CommandError) -> None:
        """Answer the command that was left for LATER under that key; no-op where it is answered already."""
        request = self.state.requests.pop(key, None) if key is not None else None
        if request is None:
            return
        self.cancel(f"late:{key}")
        self._answer(request, outcome)

    def uuid(self) -> str:
        """A random UUID (version 4)."""
        # The state keeps one number instead of a generator, so that a reloaded station draws the same.
        generator = random.Random(self.state.seed)  # noqa: S311 - a simulation, not a secret
        self.state.seed = generator.getrandbits(64)
        return str(UUID(int=generator.getrandbits(128), version=4))

    # Details

    def _next_message_id(self) -> str:
        """Unique for this identity for ever: the nonce is drawn when the state is made (Part 4, 4.1.4)."""
        box = self.state.outbox
        box.next_id += 1
        return f"{self.state.nonce}-{box.next_id - 1}"

    def _begin(self, now: float, cause: str) -> None:
        self.now, self._cause, self.request = now, cause, None
        for description, evse in zip(self.description.hardware.evses, self.state.evses, strict=True):
            session.settle(description, self.state, evse, now)

    def _end(self) -> None:
        self._react()
        for handler in self._handlers.settled:
            self._guard(handler, self._out.events)
        self._react()
        call = outbox.take(self.state, self.now) if self.wants_link else None
        if call is not None:
            self._transmit(call)
        retry_at = outbox.next_retry(self.state)
        # One whose time has come already waits for the call in flight, and leaves when that is over.
        if retry_at is not None and retry_at > self.now and self.state.csms.connected:
            self.at(retry_at, "retry")
        self._resolve_answers()

    def _react(self) -> None:
        while self._events or self._lost:
            while self._lost:
                call = self._lost.pop(0)
                self._fail(call, self._not_sent(call))
            if self._events:
                event = self._events.pop(0)
                self._out.events.append(event)
                for handler in self._handlers.events.get(event.name, ()):
                    self._guard(handler, event)

    def _resolve_answers(self) -> None:
        answers = self._out.answers
        for place, answer in enumerate(answers):
            if answer.done is not None and callable(answer.done.result):
                done = Done(answer.done.changed, answer.done.result())
                answers[place] = Answer(answer.request, done)

    def _guard(self, handler: Handler, *arguments: Any) -> None:
        try:
            handler(self, *arguments)
        except Exception as error:  # noqa: BLE001 - a bug in one handler must not take the others down
            self._out.bugs.append(error)

    def _keep_or_answer(self, request: Request, outcome: Done | Later | None) -> None:
        if not isinstance(outcome, Later):
            self._answer(request, outcome or Done())
        elif request.wait:
            self.state.requests[request.key] = request
            self.after(request.timeout_s, f"late:{request.key}")
        else:
            self._answer(request, Done(result={"pending": True}))

    def _answer(self, request: Request, outcome: Done | CommandError) -> None:
        """Tell the outcome to whoever asked; its event leaves out the arguments, as some are tokens."""
        said: dict[str, Any] = {"command": request.command, "ok": True, "changed": False}
        if isinstance(outcome, CommandError):
            said |= {"ok": False, "error": outcome.code}
            answer = Answer(request, error=outcome)
        else:
            said["changed"] = outcome.changed
            answer = Answer(request, done=outcome)
        self._out.answers.append(answer)
        self._emit("command", (request.evse or 0, request.connector or 0), said, request)

    def _dispatch(self, message: rpc.Message) -> None:
        match message:
            case rpc.Call():
                self._serve(message)
            case rpc.CallResult():
                call = self._answered(message.id)
                if call is not None:
                    self._succeed(call, message.payload)
            case rpc.CallFailure():
                call = self._answered(message.id)
                if call is not None:
                    failure = CallError(message.code, message.description, message.details)
                    self._fail(call, failure)
            case rpc.ResultFailure():
                told = f"{message.code[:50]}: {message.description[:255]}"
                self.emit("warning", message=f"the CSMS could not use the answer to {message.id}: {told}")
            case rpc.Send():
                self.emit("warning", message=f"a SEND of the CSMS is for no station: {message.action[:50]}")

    def _serve(self, call: rpc.Call) -> None:
        override = overrides.take(self.state, call.action) if self.state.overrides else None
        if override is not None and override.delay_s:
            due = self.now + override.delay_s
            if overrides.hold(self.state, call, override, due):
                self.at(min(due, self.state.timers.get("held", due)), "held")
                return
        self._serve_now(call, override)

    def serve_held(self) -> None:
        """Answer the requests of the CSMS whose late answers are due, and come back for the next ones."""
        for held in overrides.release(self.state, self.now):
            if self.wants_link:  # a station that has hung up says nothing more
                self._serve_now(rpc.Call(held.id, held.action, held.payload), held.override)
        if self.state.held:
            self.at(min(it.due for it in self.state.held), "held")

    def _serve_now(self, call: rpc.Call, override: Override | None) -> None:
        self._cause = f"csms:{call.action}"
        if override is None or not override.is_scripted:
            self._serve_itself(call)
            return
        frame, status = overrides.answer(override, call.id)
        if frame is not None:
            self._out.frames.append(frame)
        said = "silence" if override.silent else "error" if override.error is not None else "payload"
        self.emit("csms_request", action=call.action, status=status, override=said)

    def _serve_itself(self, call: rpc.Call) -> None:
        try:
            response = self._response(call)
            frame = rpc.encode_result(call.id, response)
        except CallError as error:
            self._answer_error(call.id, error)
        except Exception as error:  # noqa: BLE001 - a bug in one handler must not take the others down
            self._out.bugs.append(error)
            self._answer_error(call.id, CallError("InternalError", "the station failed to process this"))
        else:
            self._out.frames.append(frame)
            self.emit("csms_request", action=call.action, status=response.get("status"))

    def _response(self, call: rpc.Call) -> Payload:
        handler = self._handlers.calls.get(call.action)
        version = self.version
        if handler is None or not versions.knows(version, call.action):
            code = versions.unhandled(version, call.action)
            raise CallError(code, f"{call.action[:50]} is nothing that this station does in {version}")
        if self.state.boot.registration == "Rejected":  # B03.FR.08
            raise CallError("SecurityError", "the CSMS has rejected this station")
        schemas.check_request(call.action, call.payload, version)
        refusal = versions.refusal(call.action, call.payload) if version == schemas.OCPP_21 else None
        response: Payload = refusal or handler(self, call.payload)
        _assert_valid(schemas.check_response, call.action, response, version)
        return response

    def _answer_error(self, message_id: str, error: CallError) -> None:
        self._refuse(rpc.encode_error(message_id, error.code, error.description, error.details), error)

    def _refuse(self, frame: str | None, error: CallError) -> None:
        """Tell of a frame that is not served, and say so to the CSMS where that is in place."""
        if frame is not None:
            self._out.frames.append(frame)
        self.emit("warning", message=f"a frame of the CSMS was refused: {error}")
        self.emit("frame_refused", error=error)

    def _answered(self, message_id: str) -> QueuedCall | None:
        """The call in flight if that is its id, now no longer in flight; a late answer is nobody's."""
        call = self.state.outbox.in_flight
        if call is None or call.id != message_id:
            return None
        self.state.outbox.in_flight = None
        self.cancel("call")
        return call

    def _succeed(self, call: QueuedCall, payload: Any) -> None:
        if call.checked:
            try:
                schemas.check_response(call.action, payload, self.version)
            except CallError as error:
                if self.version == schemas.OCPP_21:
                    self._out.frames.append(rpc.encode_result_error(call.id, error))
                self.emit("warning", message=f"the answer to {call.action} is not valid: {error}")
                self.emit("frame_refused", error=error)
                self._fail(call, error)
                return
        self._hand(self._handlers.replies, call, payload)
        if "request" in call.context:
            self.emit("answered", request=call.context["request"], response=payload)

    def _fail(self, call: QueuedCall, failure: CallError) -> None:
        may_repeat = outbox.is_transaction_event(call) and failure.code != "NotSent"
        if may_repeat and call.attempts < self.get(comm.MESSAGE_ATTEMPTS):
            wait = self.get(comm.MESSAGE_ATTEMPT_INTERVAL) * call.attempts  # E13.FR.03
            call.not_before = self.now + wait
            self.state.outbox.queue.insert(0, call)
            return
        self._hand(self._handlers.failures, call, failure)
        if "request" in call.context:
            self.emit("unanswered", request=call.context["request"], failure=failure)

    def _not_sent(self, call: QueuedCall) -> CallError:
        if not self.state.csms.connected:
            return CallError("NotSent", "there is no connection to the CSMS")
        if call.checked and not self._can_say(call.action, call.payload):
            return CallError("NotSent", f"{self.version} has no such {call.action}")
        return CallError("NotSent", "too many calls wait for the CSMS")

    def _hand(self, handlers: dict[str, Handler], call: QueuedCall, outcome: Any) -> None:
        """Let the block see what came of its call; of one sent as it is, only who asked for it is told."""
        handler = handlers.get(call.action) if call.checked else None
        if handler is not None:
            self._guard(handler, call, outcome)

    def _transmit(self, call: QueuedCall) -> None:
        payload = call.payload
        if call.checked:
            payload = versions.outgoing(self.version, call.action, payload)
        self._out.frames.append(rpc.encode_call(call.id, call.action, payload))
        self.after(self.get(comm.MESSAGE_TIMEOUT), "call")
        if "heartbeat" in self.state.timers:  # G02.FR.05: any message shows that the station lives
            self.after(self.get(comm.HEARTBEAT_INTERVAL), "heartbeat")

    def call_timed_out(self) -> None:
        """Give up waiting for the answer to the call in flight."""
        call = self.state.outbox.in_flight
        if call is not None:
            self.state.outbox.in_flight = None
            self._fail(call, CallError("Timeout", "the CSMS has not answered in time"))

    def _can_say(self, action: str, payload: Payload) -> bool:
        """Whether the OCPP of the connection knows the request; one that fits in none is a bug of ours.

        What has come with 2.1, a long token for instance, may be unspeakable in 2.0.1.
        """
        version, offered = self.version, self.description.csms.protocols
        if not versions.knows(version, action):
            return False
        try:
            schemas.check_request(action, versions.outgoing(version, action, payload), version)
        except CallError:
            newest = schemas.OCPP_21 if schemas.OCPP_21 in (version, *offered) else version
            _assert_valid(schemas.check_request, action, payload, newest)
            return False
        return True

    def _change_version(self) -> None:
        """The CSMS speaks another OCPP than before: what that does not know will never leave."""
        box = self.state.outbox
        fits = [not it.checked or self._can_say(it.action, it.payload) for it in box.queue]
        self._lost += [it for it, fit in zip(box.queue, fits, strict=True) if not fit]
        box.queue = [it for it, fit in zip(box.queue, fits, strict=True) if fit]
        self.emit("version_changed")

    def _disconnect(self, *, too_big: bool = False) -> None:
        """No connection any more; `too_big` tells that the CSMS would not read the call in flight."""
        self.state.csms.connected = False
        self.state.csms.offline_since = self.now
        self.cancel("call")
        call = self.state.outbox.in_flight
        # What is not kept is lost with the connection anyway; the rest would end every connection to come.
        if too_big and call is not None and call.keep:
            self.state.outbox.in_flight = None
            self._fail(call, CallError("FormatViolation", "it is too big for the CSMS (1009)"))
        self._lost.extend(outbox.connection_lost(self.state.outbox))
        if self.state.held:  # an answer on another connection would be nobody's
            self.state.held = ()
            self.cancel("held")


def _assert_valid(
    check: Callable[[str, Payload, Version], None], action: str, payload: Payload, version: Version
) -> None:
    """What this side says must fit the schema; where it does not, that is a bug and not the CSMS's doing."""
    try:
        check(action, payload, version)
    except CallError as error:
        raise ValueError(f"{action}: {error}") from None
