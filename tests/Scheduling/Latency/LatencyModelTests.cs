using CsCheck;
using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Scheduling.Tests.Latency;

public sealed class LatencyModelTests
{
    private static readonly TickShape[] Grid =
    [
        .. from lanes in new[] { 1, 2, 4, 8 }
            from frames in new[] { 1, 2 }
            from tokens in new[] { 60, 240 }
            from cached in new[] { 0, 2, 4 }
            select new TickShape(lanes, frames, tokens, cached),
    ];

    private static readonly Gen<LatencyTerms> Terms =
        from fixedTime in Gen.Double[0, 0.05]
        from token in Gen.Double[1e-6, 1e-4]
        from pair in Gen.Double[0, 1e-8]
        from cached in Gen.Double[0, 1e-6]
        from lane in Gen.Double[0, 1e-3]
        select new LatencyTerms(fixedTime, token, pair, cached, lane);

    [Fact]
    public void Fit_OfTimesThatFollowTheTerms_PredictsShapesThatItHasNotSeen() => Terms.Sample(
        terms =>
        {
            var model = LatencyModel.Fit([.. Grid.Select(s => new TickSample(s, terms.Of(s)))]);
            var unseen = new TickShape(3, 1, 150, 3);
            Assert.Equal(terms.Of(unseen), model.Predict(unseen).TotalSeconds, 0.02 * terms.Of(unseen));
        },
        iter: 50);

    [Fact]
    public void Fit_OfNoisyTimes_HasNoNegativeTerm() => Gen.Select(Terms, Gen.Int).Sample(
        (terms, seed) =>
        {
            var random = new Random(seed);
            var model = LatencyModel.Fit([.. Grid.Select(s => new TickSample(s, terms.Of(s) * (0.7 + 0.6 * random.NextDouble())))]);
            for (var i = 0; i < LatencyTerms.Count; i++)
                Assert.True(model.Terms[i] >= 0);
        },
        iter: 50);

    [Fact]
    public void Fit_FewerSamplesThanTerms_SaysSo() =>
        Assert.Throws<ArgumentException>(() => LatencyModel.Fit([new TickSample(Grid[0], 1)]));

    [Fact]
    public void Observe_DeviceHalfAsFast_IsFollowedWithinTwentyTicks()
    {
        var model = new LatencyModel(new LatencyTerms(0.01, 1e-5, 0, 0, 0));
        var shape = Grid[5];
        var truth = model.Terms.Of(shape) * 2;
        for (var i = 0; i < 20; i++)
            model.Observe(shape, TimeSpan.FromSeconds(truth));
        Assert.Equal(truth, model.Predict(shape).TotalSeconds, 0.05 * truth);
        Assert.True(model.Correction > 1.05);
        model.Forget();
        Assert.Equal((1, TimeSpan.FromSeconds(truth / 2)), (model.Correction, model.Predict(shape)));
    }

    [Fact]
    public void Observe_OneStall_ChangesLittle()
    {
        var model = new LatencyModel(new LatencyTerms(0.01, 1e-5, 0, 0, 0));
        var before = model.Predict(Grid[0]);
        model.Observe(Grid[0], 100 * before);
        Assert.InRange(model.Predict(Grid[0]) / before, 1, 1.3);
    }

    [Fact]
    public void File_ComesBack_AndGarbageOrAnotherDevicesDoesNot()
    {
        var folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            var key = new LatencyModelKey("AMD EPYC / 2 cores", "tiny", "float32", 2);
            var file = new LatencyModelFile(key, new LatencyTerms(1, 2, 3, 4, 5), 0.04, DateTime.UnixEpoch);
            var path = file.Write(folder);
            Assert.Equal(file, LatencyModelFile.Find(folder, key));
            Assert.Null(LatencyModelFile.Find(folder, key with { Threads = 1 }));
            File.WriteAllText(path, "{ nonsense");
            Assert.Null(LatencyModelFile.Find(folder, key));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
