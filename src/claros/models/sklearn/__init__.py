"""scikit-learn classifiers as models: any estimator or pipeline with ``predict_proba``, and four by name."""

from claros.errors import require

require("sklearn", "sklearn", "a scikit-learn model")

from claros.models.sklearn.adapter import SklearnModel, from_estimator  # noqa: E402
from claros.models.sklearn.named import forest, logistic, mlp, svm  # noqa: E402

__all__ = ["SklearnModel", "forest", "from_estimator", "logistic", "mlp", "svm"]
