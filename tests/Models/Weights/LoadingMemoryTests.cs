using System.Globalization;
using System.Runtime.InteropServices;
using StreamDiff.Models.Weights;
using TorchSharp;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Weights;

// The measure is the process's own peak: nothing else may run beside it.
[CollectionDefinition(nameof(LoadingMemoryTests), DisableParallelization = true)]
[Collection(nameof(LoadingMemoryTests))]
public sealed class LoadingMemoryTests(ITestOutputHelper output)
{
    private const int Tensors = 12;
    private const long Elements = 8 << 20;
    private const long MB = 1 << 20;

    [Theory]
    [InlineData("x.safetensors", ScalarType.Float32, ScalarType.Float32)]
    [InlineData("x.safetensors", ScalarType.Float32, ScalarType.BFloat16)]
    [InlineData("x.safetensors", ScalarType.BFloat16, ScalarType.Float32)]
    [InlineData("x.pt", ScalarType.Float32, ScalarType.Float32)]
    [InlineData("x.pt", ScalarType.Float32, ScalarType.BFloat16)]
    [InlineData("x.pt", ScalarType.BFloat16, ScalarType.Float32)]
    public void Complete_BigCheckpoint_PeaksAtItsSizePlusTenPercent(string name, ScalarType stored, ScalarType wanted)
    {
        using var folder = new TempFolder();
        var bytes = Write(folder.File(name), stored);

        var peak = PeakWhile(() => Load(folder.File(name), wanted));

        // What stays is the weights in the wanted type: where these are larger than the file, they are the size that cannot be avoided.
        var result = Tensors * Elements * ElementTypes.Size(wanted);
        output.WriteLine($"{name} {stored} -> {wanted}: file {bytes / MB} MB, weights {result / MB} MB, peak +{peak / MB} MB");
        Assert.InRange(peak, result / 2, Math.Max(bytes, result) * 11 / 10);
        // And less where the weights are smaller than the file.
        Assert.InRange(peak, 0, result * 11 / 10 + (48 * MB));
    }

    [Fact]
    public void Measure_LoadingTheUsualWay_ExceedsTheLimit()
    {
        using var folder = new TempFolder();
        var bytes = Write(folder.File("x.safetensors"), ScalarType.Float32);

        var peak = PeakWhile(() =>
        {
            using var file = SafetensorsFile.Open(folder.File("x.safetensors"));
            using var scope = NewDisposeScope();
            var whole = file.Names.Select(name => file.View(name).clone()).ToList();
            whole.ForEach(t => t.to(ScalarType.BFloat16));
        });

        output.WriteLine($"usual way: file {bytes / MB} MB, peak +{peak / MB} MB");
        Assert.True(peak > bytes * 11 / 10, $"the measure would not notice: +{peak / MB} MB");
    }

    [Fact]
    public void View_BigCheckpoint_TakesNoMemoryOfItsOwn()
    {
        using var folder = new TempFolder();
        Write(folder.File("x.safetensors"), ScalarType.Float32);
        using var file = SafetensorsFile.Open(folder.File("x.safetensors"));
        GC.Collect();
        var (anonymous, mapped) = (Status("RssAnon"), Status("RssFile") + Status("RssShmem"));

        foreach (var name in file.Names)
        {
            using var view = file.View(name);
            using var sum = view.sum();
        }

        Assert.InRange(Status("RssAnon") - anonymous, -1000 * MB, 16 * MB);
        Assert.True(Status("RssFile") + Status("RssShmem") - mapped > Tensors * Elements * 3);
    }

    private static void Load(string path, ScalarType type)
    {
        WeightSet weights;
        using (var source = CheckpointFile.Open(path))
        {
            var loader = new WeightLoader(source, CPU, type);
            for (var i = 0; i < Tensors; i++)
                loader.Take($"{i}", Elements / 1024, 1024);
            weights = loader.Complete();
        }
        // Use every weight, so that mapped ones count too.
        using (weights)
            foreach (var tensor in weights.Tensors)
            {
                using var sum = tensor.sum();
                Assert.Equal(tensor.numel(), sum.to(ScalarType.Float64).item<double>(), 0.01 * tensor.numel());
            }
    }

    // The kernel keeps the highest resident size of a process and forgets it when asked to (proc(5), clear_refs).
    private static long PeakWhile(Action action)
    {
        // What earlier tests left behind must go before, not during the action: it would be counted as memory saved.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        _ = malloc_trim(0);
        File.WriteAllText("/proc/self/clear_refs", "5");
        var before = Status("VmRSS");
        action();
        return Status("VmHWM") - before;
    }

    [DllImport("libc")]
    private static extern int malloc_trim(nuint keep);

    private static long Status(string field)
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(field + ":", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    private static long Write(string path, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var tensor = ones([Elements / 1024, 1024], dtype: type);
        if (path.EndsWith(".safetensors", StringComparison.Ordinal))
            SafetensorsWriter.Write(path, [.. Enumerable.Range(0, Tensors).Select(i => new KeyValuePair<string, Tensor>($"{i}", tensor))]);
        else
            WriteArchive(path, tensor);
        return new FileInfo(path).Length;
    }

    private static void WriteArchive(string path, Tensor tensor)
    {
        var pickle = new PickleText().Op('}').Op('(');
        var storage = tensor.dtype == ScalarType.Float32 ? "FloatStorage" : "BFloat16Storage";
        for (var i = 0; i < Tensors; i++)
            pickle.Text($"{i}").Tensor(storage, $"{i}", Elements, 0, [Elements / 1024, 1024], [1024, 1]);
        using var archive = new TorchArchive(path);
        archive.Add("x/data.pkl", pickle.Op('u').Op('.').Bytes);
        for (var i = 0; i < Tensors; i++)
            archive.Add($"x/data/{i}", tensor.bytes);
    }
}
