"""Single decisions and everything that they record."""

from __future__ import annotations

import dataclasses

from runners.core.events import (
    Adopted,
    Decided,
    EpochMeasured,
    Event,
    LegEnded,
    LegStarted,
    Planned,
    SessionOpened,
)
from runners.core.history import History
from runners.core.next_leg import next_leg, plan_ahead
from runners.core.plan import Finished, Leg, Limits, Plan, Record, Wait
from seatbelt.config.trial import TrialConfig
from seatbelt.records.identity import arm_key, stage_key, trial_key
from seatbelt.records.tables import Status
from tests.runners.core.test_plan import EPOCHS, make_plan
from tests.runners.core.test_stages import make_plan as make_staged_plan

SESSION = SessionOpened(session="s", host="h", pid=1, limits={}, at=0.0)
RUNG = 3


def leg_of(plan: Plan, *events: Event) -> Leg:
    leg = next_leg(plan, History([SESSION, *events]))
    assert isinstance(leg, Leg)
    return leg


def begun(leg: Leg, *scores: float) -> list[Event]:
    """The events of a leg that has started and measured some epochs."""
    assert leg.planned is not None
    started = LegStarted(trial_key=leg.trial_key, attempt=leg.attempt, start=leg.start, stop=leg.stop, at=1.0)
    return [leg.planned, leg.decided, started, *measured(leg.trial_key, *scores)]


def measured(key: str, *scores: float, first: int = 1) -> list[EpochMeasured]:
    return [
        EpochMeasured(trial_key=key, attempt=1, epoch=epoch, score=score, metrics={}, at=2.0)
        for epoch, score in enumerate(scores, start=first)
    ]


def ended(leg: Leg, outcome: str, epoch: int, error: str | None = None) -> LegEnded:
    return LegEnded(
        trial_key=leg.trial_key,
        attempt=leg.attempt,
        outcome=outcome,
        epoch=epoch,
        at=3.0,
        error=error,
        test={"iou": 0.5} if outcome == "complete" else None,
    )


def test_the_first_leg_plans_the_first_cell_of_the_design() -> None:
    plan = make_plan(encoders=1, decoders=1, prune="none", limits=Limits(replicates=2))
    leg = leg_of(plan)
    cell = {"encoder": "resnet18", "decoder": "fpn"}
    config = plan.base.with_fields({"model.encoder": cell["encoder"], "model.decoder": cell["decoder"]})
    key = trial_key(config)
    assert leg == Leg(
        trial_key=key,
        config=config,
        start=0,
        stop=EPOCHS,
        attempt=1,
        planned=Planned(
            trial_key=key,
            arm_key=arm_key(config),
            number=0,
            position=0,
            cell=cell,
            replicate=0,
            config=config.model_dump(mode="json"),
            exempt=True,
            by="exhaustive",
            at=0.0,
        ),
        decided=Decided(kind="proposal", by="exhaustive", trial_key=key, epoch=0, reason="arm 1 of 1, replicate 1"),
    )
    assert leg.started == LegStarted(trial_key=key, attempt=1, start=0, stop=EPOCHS, at=0.0)
    second = leg_of(plan, *begun(leg))
    assert second.planned is not None
    assert (second.planned.number, second.planned.position, second.planned.replicate) == (1, 1, 1)


def test_an_exempt_trial_trains_its_full_epochs_and_says_so() -> None:
    leg = leg_of(make_plan(exempt_every=1))
    assert leg.planned is not None and leg.planned.exempt
    assert leg.stop == EPOCHS
    assert leg.decided.reason.endswith("; exempt from pruning")
    unpruned = leg_of(make_plan(prune="none"))
    assert unpruned.planned is not None and unpruned.planned.exempt
    assert (unpruned.stop, "exempt" in unpruned.decided.reason) == (EPOCHS, False)


def test_an_interrupted_leg_continues_before_anything_else() -> None:
    plan = make_plan(prune="none")
    first = leg_of(plan)
    for error, reason in (("power cut", "power cut"), (None, "the driver stopped")):
        leg = leg_of(plan, *begun(first, 0.4, 0.3), ended(first, "interrupted", 2, error))
        assert leg == Leg(
            trial_key=first.trial_key,
            config=first.config,
            start=2,
            stop=EPOCHS,
            attempt=2,
            planned=None,
            decided=Decided(
                kind="continuation",
                by="resume",
                trial_key=first.trial_key,
                epoch=2,
                score=0.4,
                reason=f"its leg to epoch {EPOCHS} ended early: {reason}",
            ),
        )


def test_a_trial_that_lost_workers_continues_after_the_others() -> None:
    plan = make_plan()
    first = leg_of(plan)
    second = leg_of(plan, *begun(first))
    events = [*begun(first), *begun(second), ended(first, "lost", 0), ended(second, "interrupted", 0)]
    assert leg_of(plan, *events).trial_key == second.trial_key
    events = [*begun(first), *begun(second), ended(second, "interrupted", 0), ended(first, "interrupted", 0)]
    assert leg_of(plan, *events).trial_key == first.trial_key, "of equals, the one planned first"


def test_a_trial_that_was_planned_ahead_begins_as_its_strategy_proposed_it() -> None:
    plan = make_plan(prune="none", propose="factorial", limits=Limits(trials=4))
    first = leg_of(plan)
    ahead = plan_ahead(plan, History([SESSION, *begun(first)]))
    assert isinstance(ahead, Record)
    planned, decided = ahead.events
    assert isinstance(planned, Planned) and isinstance(decided, Decided)
    assert (planned.by, decided.kind, decided.trial_key) == ("factorial", "proposal", planned.trial_key)
    leg = leg_of(plan, *begun(first), *ahead.events)
    assert (leg.trial_key, leg.start, leg.stop, leg.attempt, leg.planned) == (planned.trial_key, 0, EPOCHS, 1, None)
    assert leg.decided == Decided(
        kind="continuation",
        by="factorial",
        trial_key=planned.trial_key,
        epoch=0,
        score=None,
        reason="planned while no slot was free",
    )
    assert plan_ahead(plan, History([SESSION, *begun(first), *ahead.events])) is None, "one trial ahead is enough"
    affordable = dataclasses.replace(plan, limits=Limits(trials=4, epochs=2 * EPOCHS - 1))
    assert next_leg(affordable, History([SESSION, *begun(first), *ahead.events])) == Wait()


def test_quick_strategies_plan_nothing_ahead() -> None:
    plan = make_plan(propose="random", limits=Limits(trials=4))
    assert plan_ahead(plan, History([SESSION])) is None


def test_a_trial_begins_when_its_stage_is_there() -> None:
    plan = make_staged_plan(architectures=1, stage_epochs=3)
    history, events = History([SESSION]), []
    waiting: Planned | None = None
    while waiting is None:
        step = next_leg(plan, history)
        assert isinstance(step, Leg | Record)
        new = begun(step) if isinstance(step, Leg) else list(step.events)
        waiting = next((event for event in new if isinstance(event, Planned) and event.stage), None)
        events += new
        history = History([SESSION, *events])
    assert waiting.stage == stage_key(TrialConfig.model_validate(waiting.config), plan.epochs)
    stage = next_leg(plan, history)
    assert isinstance(stage, Leg) and stage.planned is not None
    config = TrialConfig.model_validate(waiting.config).stage
    assert (stage.trial_key, stage.config, stage.start, stage.stop, stage.attempt) == (waiting.stage, config, 0, 3, 1)
    expected = (waiting.cell, waiting.replicate, "stage", "stage", True, -1)
    planned = stage.planned
    assert (
        planned.cell,
        planned.replicate,
        planned.role,
        planned.by,
        planned.exempt,
        planned.position,
    ) == expected
    assert stage.decided == Decided(
        kind="proposal",
        by="stage",
        trial_key=waiting.stage,
        epoch=0,
        reason=f"stage of trial [{waiting.number}] and others",
    )
    done = [*begun(stage, 0.1, 0.2, 0.3), ended(stage, "complete", 3)]
    leg = leg_of(plan, *events, *done)
    assert (leg.trial_key, leg.start, leg.stop) == (waiting.trial_key, 0, plan.epochs)
    assert leg.decided == Decided(
        kind="continuation",
        by="stage",
        trial_key=waiting.trial_key,
        epoch=0,
        score=None,
        reason="the stage that it begins with is there",
    )
    failed = [*begun(stage), ended(stage, "failed", 0, "no disk")]
    error = f"its pretraining [{planned.number}] ended as FAILED: no disk"
    assert next_leg(plan, History([SESSION, *events, *failed])) == Record(
        (LegEnded(trial_key=waiting.trial_key, attempt=0, outcome="failed", epoch=0, at=0.0, error=error),)
    )


def test_a_paused_arm_that_others_need_as_their_stage_goes_on() -> None:
    plan = make_staged_plan(architectures=1, prune="asha")
    plan = dataclasses.replace(plan, exempt_every=10**6)
    events: list[Event] = []
    legs: dict[str, Leg] = {}
    for _ in range(10):
        step = next_leg(plan, History([SESSION, *events]))
        if isinstance(step, Leg) and step.planned is not None:
            legs[step.trial_key] = step
            events += [*begun(step, 0.1, 0.1), ended(step, "paused", 2)]
        elif isinstance(step, Record):
            events += step.events
        else:
            break
    history = History([SESSION, *events])
    (stage,) = history.stages.waiting
    assert stage in legs and isinstance(step, Leg)
    assert (step.trial_key, step.start, step.stop, step.attempt) == (stage, 2, plan.epochs, 2)
    assert step.decided == Decided(
        kind="promotion",
        by="stage",
        trial_key=stage,
        epoch=2,
        score=0.1,
        reason="stage of 1 waiting trial",
    )


def test_complete_trials_go_on_when_the_full_epochs_grow() -> None:
    plan = make_plan(encoders=1, decoders=2, prune="none")
    first = leg_of(plan)
    second = leg_of(plan, *begun(first))
    events = [
        *begun(first, *([0.1] * EPOCHS)),
        *begun(second, *([0.2] * EPOCHS)),
        ended(second, "complete", EPOCHS),
        ended(first, "complete", EPOCHS),
    ]
    assert isinstance(next_leg(plan, History([SESSION, *events])), Finished)
    longer = dataclasses.replace(plan, base=plan.base.with_fields({"epochs": 12}), rungs=(12,))
    leg = leg_of(longer, *events)
    assert (leg.trial_key, leg.start, leg.stop) == (first.trial_key, EPOCHS, 12), "the first by its number"
    assert leg.decided == Decided(
        kind="promotion",
        by="extension",
        trial_key=first.trial_key,
        epoch=EPOCHS,
        score=0.1,
        reason="the full epochs grew from 9 to 12",
    )
    for epochs, affordable in ((2 * EPOCHS + 2, False), (2 * EPOCHS + 3, True)):
        limited = dataclasses.replace(longer, limits=Limits(epochs=epochs))
        assert isinstance(next_leg(limited, History([SESSION, *events])), Leg) is affordable


def test_a_promotion_says_what_it_compared() -> None:
    plan = make_plan(encoders=3, decoders=1, exempt_every=10**6)
    events: list[Event] = []
    for score in (0.1, 0.3, 0.2):
        leg = leg_of(plan, *events)
        events += [*begun(leg, *([score] * RUNG)), ended(leg, "paused", RUNG)]
    leg = leg_of(plan, *events)
    best = max(History([SESSION, *events]).by_number, key=lambda view: view.scores[-1])
    assert (leg.trial_key, leg.start, leg.stop, leg.attempt) == (best.key, RUNG, EPOCHS, 2)
    assert leg.decided == Decided(
        kind="promotion",
        by="asha",
        trial_key=best.key,
        epoch=RUNG,
        score=0.3,
        rank=1,
        compared=3,
        allowed=1,
        reason="best of those waiting at epoch 3; goes on to 9",
    )


def test_an_interrupted_trial_comes_before_a_promotion_and_one_that_was_planned_ahead_after_it() -> None:
    plan = make_plan(encoders=4, decoders=1, exempt_every=10**6, propose="factorial", limits=Limits(trials=4))
    events: list[Event] = []
    legs = []
    for score in (0.1, 0.3, 0.2):
        step = next_leg(plan, History([SESSION, *events]))
        while isinstance(step, Record):
            events += step.events
            step = next_leg(plan, History([SESSION, *events]))
        assert isinstance(step, Leg) and step.planned is not None
        legs.append(dataclasses.replace(step, planned=dataclasses.replace(step.planned, exempt=False), stop=RUNG))
        events += [*begun(legs[-1], *([score] * RUNG)), ended(legs[-1], "paused", RUNG)]
    config = plan.base.with_fields({"seed": 99})
    assert legs[0].planned is not None
    planned = dataclasses.replace(legs[0].planned, trial_key="ahead", number=3, config=config.model_dump(mode="json"))
    promoted = leg_of(plan, *events, planned)
    assert (promoted.trial_key, promoted.decided.kind) == (legs[1].trial_key, "promotion")
    started = LegStarted(trial_key="ahead", attempt=1, start=0, stop=RUNG, at=1.0)
    interrupted = LegEnded(trial_key="ahead", attempt=1, outcome="interrupted", epoch=0, at=2.0)
    continued = leg_of(plan, *events, planned, started, interrupted)
    assert (continued.trial_key, continued.decided.kind) == ("ahead", "continuation")


def test_a_stage_that_the_search_proposes_becomes_an_arm() -> None:
    plan = make_plan(encoders=1, decoders=1)
    first = leg_of(plan)
    assert first.planned is not None
    stage = dataclasses.replace(first.planned, role="stage", position=-1, cell={"user": "x"})
    assert next_leg(plan, History([SESSION, stage, *begun(first)[2:]])) == Record(
        (
            Adopted(
                trial_key=first.trial_key,
                position=0,
                cell={"encoder": "resnet18", "decoder": "fpn"},
                replicate=0,
                by="exhaustive",
                at=0.0,
            ),
        )
    )


def test_limits_end_the_search_when_nothing_runs() -> None:
    plan = make_plan(prune="none", propose="random", limits=Limits(trials=1))
    first = leg_of(plan)
    running = History([SESSION, *begun(first)])
    assert next_leg(plan, running) == Wait()
    complete = [*begun(first, *([0.1] * EPOCHS)), ended(first, "complete", EPOCHS)]
    assert isinstance(next_leg(plan, History([SESSION, *complete])), Finished)
    for epochs, continues in ((2 * EPOCHS - 1, False), (2 * EPOCHS, True)):
        limited = dataclasses.replace(plan, limits=Limits(epochs=epochs))
        assert isinstance(next_leg(limited, History([SESSION, *complete])), Leg) is continues


def test_hours_that_are_used_start_nothing_more() -> None:
    for hours, over in ((1.0, True), (1.1, False)):
        plan = make_plan(prune="none", limits=Limits(hours=hours))
        first = leg_of(plan)
        late = dataclasses.replace(ended(first, "complete", EPOCHS), at=3600.0)
        step = next_leg(plan, History([SESSION, *begun(first, *([0.1] * EPOCHS)), late]))
        assert isinstance(step, Finished) is over
        if isinstance(step, Finished):
            assert step.reason == "the limit of --hours is reached"


def test_a_sweep_whose_first_trials_fail_alike_ends() -> None:
    plan = dataclasses.replace(make_plan(prune="none"), same_failures=2)
    first = leg_of(plan)
    once = [*begun(first), ended(first, "failed", 0, "no such layer")]
    second = leg_of(plan, *once)
    step = next_leg(plan, History([SESSION, *once, *begun(second), ended(second, "failed", 0, "no such layer")]))
    assert isinstance(step, Finished) and "no such layer" in step.reason
    assert History([SESSION, *once]).statuses[Status.FAILED] == 1
