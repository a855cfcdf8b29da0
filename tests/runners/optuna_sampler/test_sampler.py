from __future__ import annotations

import itertools
import math
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from runners.optuna_sampler.measures import measure_of
from runners.optuna_sampler.sampler import FactorialSampler
from runners.optuna_sampler.spaces import candidates_of_distributions

SPACE: dict[str, BaseDistribution] = {
    "optimizer": CategoricalDistribution(["sgd", "adam", None]),
    "bias": CategoricalDistribution([True, False]),
    "rate": FloatDistribution(1e-5, 1e-1, log=True),
    "share": FloatDistribution(-1.0, 1.0),
    "drop": FloatDistribution(0.0, 0.7, step=0.1),
    "depth": IntDistribution(1, 12),
    "width": IntDistribution(8, 512, log=True),
    "kernel": IntDistribution(1, 7, step=2),
    "fixed": IntDistribution(3, 3),
}
GRID: dict[str, BaseDistribution] = {"a": CategoricalDistribution("xy"), "b": CategoricalDistribution([1, 2, 3])}


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def additive(params: dict[str, Any]) -> float:
    """Return a sum over parameters; its maximum is 3.5."""
    value = {"sgd": 0.0, "adam": 1.0, None: 0.4}[params["optimizer"]] + 0.5 * params["bias"]
    value -= (math.log10(params["rate"]) + 3) ** 2 + 2 * (params["share"] - 0.5) ** 2
    value += params["depth"] / 12 + 1.0 - abs(params["drop"] - 0.3)
    return float(value)


def run(
    sampler: optuna.samplers.BaseSampler,
    trials: int,
    objective: Callable[[dict[str, Any]], float] = additive,
    *,
    space: dict[str, BaseDistribution] = SPACE,
    sign: int = 1,
    noise: float = 0.0,
) -> list[FrozenTrial]:
    """Return the trials of a study."""
    study = optuna.create_study(direction="maximize" if sign > 0 else "minimize", sampler=sampler)
    random = np.random.default_rng(0)
    for _ in range(trials):
        trial = study.ask(space)
        study.tell(trial, sign * (objective(trial.params) + noise * random.normal()))
    return study.trials


def test_minimising_mirrors_maximising() -> None:
    up = run(FactorialSampler(seed=1), 30, sign=1)
    down = run(FactorialSampler(seed=1), 30, sign=-1)
    assert [trial.params for trial in up] == [trial.params for trial in down]


def test_proposals_lie_inside_their_distributions() -> None:
    for trial in run(FactorialSampler(seed=2), 40):
        assert trial.params.keys() == SPACE.keys()
        for name, value in trial.params.items():
            assert SPACE[name]._contains(SPACE[name].to_internal_repr(value)), (name, value)
        assert trial.params["fixed"] == 3
        assert all(isinstance(trial.params[name], int) for name in ("depth", "width", "kernel"))


def test_numbers_of_few_values_are_levels_and_others_ranges_with_both_ends() -> None:
    choices = candidates_of_distributions({name: SPACE[name] for name in SPACE if name != "fixed"})
    labels = {name: [float(x) for x in values] for name, values in zip(choices.names, choices.labels, strict=True)}
    ranges = {name for name, basis in zip(choices.names, choices.bases, strict=True) if basis.factor.range}
    assert ranges == {"rate", "share", "drop", "depth", "width"}
    assert labels["kernel"] == [1, 3, 5, 7]
    assert labels["drop"] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    assert labels["depth"] == list(range(1, 13))
    assert len(labels["rate"]) == 25 and (labels["rate"][0], labels["rate"][12], labels["rate"][-1]) == (
        1e-5,
        pytest.approx(1e-3),
        1e-1,
    )
    assert (labels["width"][0], labels["width"][12], labels["width"][-1]) == (8, 64, 512)


def test_parameters_of_a_branch_are_drawn_and_the_others_modelled() -> None:
    def objective(trial: optuna.Trial) -> float:
        kind = trial.suggest_categorical("kind", ["flat", "deep"])
        depth = trial.suggest_int("depth", 2, 9) if kind == "deep" else 0
        return (kind == "flat") + trial.suggest_float("share", 0, 1) + 0.01 * depth

    sampler = FactorialSampler(seed=3)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=30)
    assert list(sampler.infer_relative_search_space(study, study.trials[-1])) == ["kind", "share"]
    assert {trial.params["depth"] for trial in study.trials if "depth" in trial.params} <= set(range(2, 10))
    assert study.best_params["kind"] == "flat" and study.best_params["share"] == 1.0


def trial_of(
    value: float | None, reported: dict[int, float], a: str = "x", state: TrialState | None = None
) -> FrozenTrial:
    default = TrialState.PRUNED if value is None else TrialState.COMPLETE
    params = {"a": a, "b": 1}
    return create_trial(
        state=state or default, value=value, params=params, distributions=GRID, intermediate_values=reported
    )


def test_pruned_trials_have_a_score_at_the_step_where_most_stopped() -> None:
    trials = [
        trial_of(0.9, {0: 0.1, 2: 0.4, 8: 0.8}),
        trial_of(0.7, {0: 0.2, 2: 0.3, 8: 0.7}),
        trial_of(0.5, {}),
        trial_of(None, {0: 0.1, 2: 0.2}),
        trial_of(None, {0: 0.1, 2: 0.1}),
        trial_of(None, {0: 0.0}),
        trial_of(None, {0: 0.1, 1: 0.15, 5: 0.5}),
    ]
    measure = measure_of(trials, 1.0, candidates_of_distributions(GRID).bases)
    assert measure is not None
    assert (measure.steps, measure.epochs) == ((2, 8), (3, 9))
    nan = np.nan
    expected = [[0.4, 0.9], [0.3, 0.7], [nan, 0.5], [0.2, nan], [0.1, nan], [nan, nan], [0.15, nan]]
    np.testing.assert_allclose(measure.scores(trials) * measure.unit, expected)


def test_without_pruned_trials_only_the_end_counts() -> None:
    trials = [trial_of(value, {0: 0.5, 4: value}) for value in (1.0, 2.0, 3.0)]
    measure = measure_of(trials, -1.0, candidates_of_distributions(GRID).bases)
    assert measure is not None and measure.steps == (4,)
    np.testing.assert_allclose(measure.scores(trials) * measure.unit, [[-1.0], [-2.0], [-3.0]])


def test_scores_do_not_depend_on_the_unit_of_the_values() -> None:
    bases = candidates_of_distributions(GRID).bases
    scores = []
    for unit in (1.0, 1e6):
        trials = [trial_of(unit * value, {}) for value in (1.0, 2.0, 3.0, 4.0, 5.0)]
        measure = measure_of(trials, 1.0, bases)
        assert measure is not None
        scores.append(measure.scores(trials))
    np.testing.assert_allclose(scores[0], scores[1])
    # Quartiles that lie 2 apart are those of a standard deviation of 2 / 1.349. Of these two factors, the model expects
    # 0.012^2 (1/2 + 2/3) by main effects, 0.004^2 / 3 by pairs, 0.004^2 beyond, and 0.012^2 by luck.
    expected = math.sqrt(0.012**2 * (1 / 2 + 2 / 3) + 0.004**2 / 3 + 0.004**2 + 0.012**2)
    assert np.ptp(scores[0]) / 4 * 2 / 1.349 == pytest.approx(expected)


def test_far_out_and_infinite_values_count_as_bad_ones() -> None:
    trials = [trial_of(value, {}) for value in (1.0, 2.0, 3.0, 4.0, 5.0, 1e9, math.inf)]
    measure = measure_of(trials, -1.0, candidates_of_distributions(GRID).bases)
    assert measure is not None
    scores = measure.scores(trials)[:, 0]
    assert np.isfinite(scores).all() and scores[5] == scores[6] == scores.min()


def test_nothing_is_measured_while_no_trial_is_complete() -> None:
    assert measure_of([trial_of(None, {0: 1.0})], 1.0, candidates_of_distributions(GRID).bases) is None


@pytest.mark.parametrize("prune_first", [0, 12])
def test_a_study_with_pruned_trials_finds_the_best(prune_first: int) -> None:
    study = optuna.create_study(direction="maximize", sampler=FactorialSampler(seed=4))
    for number in range(40):
        trial = study.ask(SPACE)
        value = additive(trial.params)
        trial.report(value - 0.5, 1)
        if number < prune_first or number % 3:
            study.tell(trial, state=TrialState.PRUNED)
        else:
            trial.report(value, 9)
            study.tell(trial, value)
    assert study.best_value > 2.0


@pytest.mark.parametrize(("replicates", "trials"), [(1, 6), (3, 18)])
def test_each_cell_is_tried_as_often_as_replicates_say(replicates: int, trials: int) -> None:
    finished = run(
        FactorialSampler(seed=5, replicates=replicates, n_startup_trials=3), trials, lambda p: p["b"], space=GRID
    )
    counts = Counter((trial.params["a"], trial.params["b"]) for trial in finished)
    assert counts == {cell: replicates for cell in itertools.product("xy", (1, 2, 3))}


def test_failed_parameters_are_not_proposed_again() -> None:
    study = optuna.create_study(direction="maximize", sampler=FactorialSampler(seed=6, replicates=9))
    failed = []
    for _ in range(25):
        trial = study.ask(GRID)
        if trial.params["b"] == 3:
            failed.append(trial.params["a"])
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, trial.params["b"])
    assert sorted(failed) == ["x", "y"]


def test_a_failure_before_all_parameters_were_suggested_closes_what_was_proposed() -> None:
    study = optuna.create_study(direction="maximize", sampler=FactorialSampler(seed=6))
    study.tell(study.ask(GRID), 1.0)
    for _ in range(5):
        study.tell(study.ask({"a": GRID["a"]}), state=TrialState.FAIL)
    assert study.ask().relative_params == {}, "all six were tried"


def test_cells_of_trials_that_wait_for_their_parameters_are_not_proposed_again() -> None:
    study = optuna.create_study(direction="maximize", sampler=FactorialSampler(seed=7))
    study.tell(study.ask(GRID), 1.0)
    waiting = [study.ask() for _ in range(5)]
    cells = {(trial.suggest_categorical("a", "xy"), trial.suggest_categorical("b", [1, 2, 3])) for trial in waiting}
    assert len(cells) == 5


@pytest.mark.slow
def test_a_stored_study_continues_as_if_it_had_not_been_interrupted(tmp_path: Path) -> None:
    expected = [trial.params for trial in run(FactorialSampler(seed=8), 22)]
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    for _ in range(2):
        study = optuna.create_study(
            study_name="s", storage=storage, direction="maximize", sampler=FactorialSampler(seed=8), load_if_exists=True
        )
        for _ in range(11):
            trial = study.ask(SPACE)
            study.tell(trial, additive(trial.params))
    assert [trial.params for trial in study.trials] == expected
    study._storage.remove_session()
    assert isinstance(study._storage, optuna.storages._CachedStorage)
    study._storage._backend.engine.dispose()


def test_a_copy_proposes_the_same() -> None:
    study = optuna.create_study(direction="maximize", sampler=FactorialSampler(seed=8))
    for _ in range(18):
        trial = study.ask(SPACE)
        study.tell(trial, additive(trial.params))
    trial = study.ask()
    running = study.trials[-1]
    space = study.sampler.infer_relative_search_space(study, running)
    copied = pickle.loads(pickle.dumps(study.sampler))
    assert copied.sample_relative(study, running, space) == trial.relative_params


def test_other_seeds_propose_something_else() -> None:
    first, second, third, fourth = (
        [t.params for t in run(FactorialSampler(seed=seed), 3)] for seed in (1, 2, None, None)
    )
    assert first != second and third != fourth


def test_it_works_in_threads() -> None:
    study = optuna.create_study(direction="maximize", sampler=FactorialSampler(seed=9))
    study.optimize(
        lambda trial: additive({name: trial._suggest(name, distribution) for name, distribution in SPACE.items()}),
        n_trials=30,
        n_jobs=2,
    )
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 30


def test_more_than_one_objective_is_refused() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=FactorialSampler())
    with pytest.raises(ValueError, match="multi-objective optimization, FactorialSampler cannot be used"):
        study.ask(SPACE)


@pytest.mark.parametrize("name", ["n_startup_trials", "replicates"])
def test_numbers_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, but is 0"):
        FactorialSampler(**{name: 0})
    with pytest.raises(ValueError, match="seed must be at least 0, but is -1"):
        FactorialSampler(seed=-1)


@pytest.mark.slow
def test_it_finds_more_of_an_additive_function_than_random_draws() -> None:
    def best(sampler: optuna.samplers.BaseSampler) -> float:
        trials = run(sampler, 40, noise=0.1)
        return additive(max(trials, key=lambda trial: trial.value or -math.inf).params)

    ours = [best(FactorialSampler(seed=seed)) for seed in range(3)]
    random = [best(optuna.samplers.RandomSampler(seed=seed)) for seed in range(3)]
    assert min(ours) > 3.0 and np.mean(ours) > np.mean(random) + 0.5
