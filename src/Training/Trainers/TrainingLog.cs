using System.Globalization;

namespace StreamDiff.Training.Trainers;

/// <summary>Figures of a training: a line on the terminal now and then, every one of them in a CSV file.</summary>
public sealed class TrainingLog
{
    private readonly string _path;
    private readonly string[] _names;
    private readonly System.Diagnostics.Stopwatch _clock = System.Diagnostics.Stopwatch.StartNew();

    /// <param name="path">CSV file; gone on with where it exists.</param>
    /// <param name="names">Columns after the step's number.</param>
    public TrainingLog(string path, params string[] names)
    {
        _path = path;
        _names = names;
        if (!File.Exists(path))
            File.WriteAllText(path, $"step,{string.Join(',', names)}\n");
    }

    public void Write(long step, long steps, params double[] values)
    {
        File.AppendAllText(_path, string.Create(CultureInfo.InvariantCulture,
            $"{step},{string.Join(',', values.Select(v => v.ToString("G6", CultureInfo.InvariantCulture)))}\n"));
        var text = string.Join("  ", _names.Zip(values, (n, v) => string.Create(CultureInfo.InvariantCulture, $"{n} {v:G4}")));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{Path.GetFileNameWithoutExtension(_path)} {step}/{steps}  {text}  ({_clock.Elapsed.TotalSeconds:F0} s)"));
    }
}
