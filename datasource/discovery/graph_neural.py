"""A graph neural network whose graph is learnt with it: nonlinear causes at all lags, in JAX.

In the manner of DECI (Geffner et al. 2022, "Deep End-to-end Causal Inference") and of Rhino, which is DECI over time
(Gong et al. 2023): every variable has an embedding; a cause sends a message made of its embedding, its lag and its
value; an effect is what one more network makes of its own embedding and the sum of the messages along the edges that
are there, beside noise (Student's t, with a scale and a tail for each variable). Edges are drawn anew at each step with
probabilities that are learnt, those of lag 0 kept acyclic by an augmented Lagrangian with the polynomial constraint of
DAG-GNN (Yu et al. 2019).
"""

from typing import Any

import numpy as np

from datasource.data import Floats, Matrix
from datasource.discovery.answer import answer
from datasource.discovery.climb import ways
from datasource.discovery.prior import Prior
from datasource.discovery.proposal import Proposal
from datasource.discovery.series import lagged, prepare
from datasource.discovery.skeleton import Bools

NAME = "graph_neural"
_MOST = 150
"""Variables with more of which it takes too long."""
_FAR = 5.0
"""Standard deviations at which values are cut."""
_WIDTH, _EMBEDDING = 32, 8
"""Of the hidden layers, and of what is known of a variable."""
_ROUNDS, _STRETCHES, _STEPS, _ROWS = 8, 4, 100, 256
"""Rounds of the Lagrangian, stretches in each, steps in these, and rows in each step, so that its time is bounded."""
_STEEPEST = 1e6
_ALONE = 2
"""Rounds before these, in which the network learns to use whatever graph is drawn: one that knows nothing yet would
call edges useless."""
_RATE = 0.01
_PENALTY = 0.02
"""Mean log-likelihood that an edge must gain."""
_RARE = -1.0
"""Log-odds of an edge before any data."""
_TEMPERATURE = 0.5
_LEAST = 0.02
"""Share of what the other causes leave of the effect that an edge must explain."""


def fit(matrix: Matrix, prior: Prior) -> Proposal:
    """Edges at lags from 0 to the prior's longest, beside each variable's own past; the same for the same data."""
    series = prepare(matrix, ranks=False)
    count = len(series.variables)
    longest = prior.longest_lag if series.has_memory else 0
    graph = np.zeros((longest + 1, count, count), dtype=np.bool_)
    if count > _MOST:
        raise ValueError(f"{NAME} learns {_MOST} variables at most, not {count}: take another method, or fewer of them")
    if count < 2:
        return answer(NAME, series, prior, graph, np.zeros(graph.shape))
    rows = np.clip(lagged(series.values, longest), -_FAR, _FAR).reshape(longest + 1, count, -1)
    explained = learn(rows, prior.allowed(series.variables))
    graph = explained > _LEAST
    graph[0] = _acyclic(graph[0], explained[0])
    signs = np.sign(np.einsum("kct,et->kce", rows, rows[0]))
    return answer(NAME, series, prior, graph, np.where(graph, signs * np.sqrt(explained), 0.0))


def _acyclic(graph: Bools, weight: Floats) -> Bools:
    """The graph without the edges that close a cycle with heavier ones."""
    found = np.zeros_like(graph)
    for cause, effect in sorted(np.argwhere(graph).tolist(), key=lambda edge: -weight[edge[0], edge[1]]):
        if not ways(found)[effect, cause]:
            found[cause, effect] = True
    return found


def learn(rows: Floats, allowed: Bools) -> Floats:
    """For rows (lag x variable x time) the share of its effect that each likely edge explains beside the other causes,
    0 for those that are not likely (lag x cause x effect)."""
    import jax
    import jax.numpy as jnp
    from jax.example_libraries.optimizers import adam

    lags, count, times = rows.shape
    able = np.repeat(allowed[None], lags, axis=0)
    own = np.repeat(np.eye(count, dtype=np.bool_)[None], lags, axis=0)
    own[0] = False
    both = jnp.asarray(allowed & allowed.T)
    able_, own_ = jnp.asarray(able & ~own, dtype=jnp.float32), jnp.asarray(own, dtype=jnp.float32)
    data = jnp.asarray(rows.transpose(2, 0, 1), dtype=jnp.float32)
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return jnp.asarray(rng.normal(size=shape) / np.sqrt(shape[0]), dtype=jnp.float32)

    start = {
        "embedding": normal(1, count, _EMBEDDING)[0],
        "sends": normal(_EMBEDDING, _WIDTH),
        "lag": normal(lags, _WIDTH),
        "value": normal(1, _WIDTH)[0],
        "hears": normal(_WIDTH, _WIDTH),
        "takes": normal(_EMBEDDING, _WIDTH),
        "tells": jnp.zeros(_WIDTH),
        "level": jnp.zeros(count),
        "noise": jnp.zeros(count),
        "tail": jnp.full(count, 3.0, dtype=jnp.float32),
        "there": jnp.zeros((lags, count, count)),
        "turned": jnp.zeros((count, count)),
    }

    def logits(values: Any) -> tuple[Any, Any]:
        """Of an edge being there (symmetric at lag 0), and of its direction."""
        there, turned = values["there"], values["turned"]
        return _RARE + there.at[0].set((there[0] + there[0].T) / 2), turned - turned.T

    def probabilities(values: Any) -> Any:
        there, turned = logits(values)
        chances = jax.nn.sigmoid(there)
        return able_ * chances.at[0].multiply(jnp.where(both, jax.nn.sigmoid(turned), 1.0))

    def drawn(values: Any, noise: Any) -> Any:
        """Edges, each nearly 0 or 1 (the Gumbel-softmax), with the slope of their probabilities."""
        there, turned = logits(values)
        upper = jnp.triu(noise[-1], 1)
        soft = jax.nn.sigmoid((there + noise[:-1].at[0].set(upper + upper.T)) / _TEMPERATURE)
        lower = jnp.tril(noise[-1], -1)
        turned_soft = jax.nn.sigmoid((turned + lower - lower.T) / _TEMPERATURE)
        soft = able_ * soft.at[0].multiply(jnp.where(both, turned_soft, 1.0))
        return soft + jax.lax.stop_gradient(jnp.round(soft) - soft)

    def expected(values: Any, graph: Any, part: Any) -> Any:
        """Of each row (row x lag x variable) the variables at lag 0."""
        sender = (values["embedding"] @ values["sends"])[None] + values["lag"][:, None]
        sent = jax.nn.leaky_relu(part[..., None] * values["value"] + sender)
        heard = jnp.einsum("kce,nkch->neh", graph + own_, sent)
        taken = jax.nn.leaky_relu(heard @ values["hears"] + values["embedding"] @ values["takes"])
        return taken @ values["tells"] + values["level"]

    def unlikely(values: Any, left: Any) -> Any:
        """Minus the log-likelihood of what is left, by Student's t with a scale and a tail for each variable."""
        freedom = 2.0 + jax.nn.softplus(values["tail"])
        spread = (left * jnp.exp(-values["noise"])) ** 2 / freedom
        scale = jax.lax.lgamma(freedom / 2) - jax.lax.lgamma((freedom + 1) / 2) + 0.5 * jnp.log(freedom)
        return values["noise"] + scale + (freedom + 1) / 2 * jnp.log1p(spread)

    def loss(values: Any, noise: Any, chosen: Any, rho: Any, alpha: Any) -> Any:
        part = data[chosen]
        left = part[:, 0] - expected(values, drawn(values, noise), part)
        chances = probabilities(values)
        cycle = jnp.trace(jnp.linalg.matrix_power(jnp.eye(count) + chances[0] / count, count)) - count
        fits = unlikely(values, left).sum(axis=1).mean()
        return fits + _PENALTY * chances.sum() + alpha * cycle + 0.5 * rho * cycle**2, cycle

    begin, update, values_of = adam(_RATE)

    @jax.jit  # type: ignore[untyped-decorator]
    def stretch(state: Any, first: Any, noise: Any, chosen: Any, free: Any, rho: Any, alpha: Any) -> Any:
        def step(state: Any, given: Any) -> Any:
            place, *drawn_ = given
            slope, cycle = jax.grad(loss, has_aux=True)(values_of(state), *drawn_, rho, alpha)
            slope = slope | {name: free * slope[name] for name in ("there", "turned")}
            return update(place, slope, state), cycle

        state, cycles = jax.lax.scan(step, state, (first + jnp.arange(_STEPS), noise, chosen))
        return state, cycles[-1]

    state, rho, alpha, before = begin(start), 1.0, 0.0, np.inf
    for number in range((_ALONE + _ROUNDS) * _STRETCHES):
        alone = number < _ALONE * _STRETCHES
        noise = rng.logistic(size=(_STEPS, lags + 1, count, count)).astype(np.float32)
        chosen = rng.integers(times, size=(_STEPS, _ROWS)).astype(np.int32)
        given = (np.float32(one) for one in (not alone, rho, alpha))
        state, cycle = stretch(state, np.int32(number * _STEPS), noise, chosen, *given)
        if not alone and (number + 1) % _STRETCHES == 0:
            alpha += rho * float(cycle)
            rho = rho * 10 if float(cycle) > 0.25 * before and rho < _STEEPEST else rho
            before = float(cycle)
    values = values_of(state)
    graph = np.asarray(jax.jit(probabilities)(values) > 0.5, dtype=np.float32)
    spread = jax.jit(lambda graph: ((data[:, 0] - expected(values, graph, data)) ** 2).mean(axis=0))
    best, explained = np.asarray(spread(graph)), np.zeros(graph.shape)
    for lag, cause, effect in np.argwhere(graph > 0):
        without = graph.copy()
        without[lag, cause, effect] = 0
        explained[lag, cause, effect] = max(1 - best[effect] / float(spread(without)[effect]), 0.0)
    return explained
