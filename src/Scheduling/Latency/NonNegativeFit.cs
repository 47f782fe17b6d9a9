namespace StreamDiff.Scheduling.Latency;

/// <summary>
/// Least squares with terms that cannot be negative, by coordinate descent (Franc, Hlavac, Navara 2005). Small and exact enough for a
/// handful of terms.
/// </summary>
internal static class NonNegativeFit
{
    private const int Rounds = 20_000;
    private const double Settled = 1e-12;

    /// <param name="rows">Features of each sample.</param>
    /// <param name="values">What each sample measured, positive; the relative error is what is minimised, so that small ticks count as much
    /// as large ones.</param>
    public static double[] Solve(IReadOnlyList<double[]> rows, IReadOnlyList<double> values)
    {
        var terms = rows[0].Length;
        // Each column on one scale, or the steps of descent would differ by a million.
        var scales = new double[terms];
        for (var t = 0; t < terms; t++)
            scales[t] = Math.Max(Enumerable.Range(0, rows.Count).Max(r => rows[r][t] / values[r]), double.Epsilon);
        var squares = new double[terms, terms];
        var targets = new double[terms];
        for (var r = 0; r < rows.Count; r++)
            for (var i = 0; i < terms; i++)
            {
                var x = rows[r][i] / values[r] / scales[i];
                targets[i] += x;
                for (var j = 0; j < terms; j++)
                    squares[i, j] += x * (rows[r][j] / values[r] / scales[j]);
            }
        var solution = new double[terms];
        for (var round = 0; round < Rounds; round++)
        {
            var change = 0.0;
            for (var i = 0; i < terms; i++)
            {
                if (squares[i, i] <= 0)
                    continue;
                var slope = -targets[i];
                for (var j = 0; j < terms; j++)
                    slope += squares[i, j] * solution[j];
                var next = Math.Max(0, solution[i] - slope / squares[i, i]);
                change = Math.Max(change, Math.Abs(next - solution[i]));
                solution[i] = next;
            }
            if (change < Settled)
                break;
        }
        for (var t = 0; t < terms; t++)
            solution[t] /= scales[t];
        return solution;
    }
}
