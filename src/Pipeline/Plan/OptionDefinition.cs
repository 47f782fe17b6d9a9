using System.Reflection;
using System.Text.RegularExpressions;
using StreamDiff.Models.Loras;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Plan;

/// <summary>What a value looks like, for those who make forms and help.</summary>
public enum OptionKind
{
    Text,
    Whole,
    Number,
    Switch,
    Choice,

    /// <summary>A list of texts.</summary>
    Several,
}

/// <summary>One option: its names, what it may be, and its property of a record. See <see cref="OptionTable"/>.</summary>
public sealed partial class OptionDefinition
{
    private const string Begin = "Default: ";
    private readonly PropertyInfo _property;
    private readonly OptionAttribute _option;
    private readonly Type _type;

    internal OptionDefinition(PropertyInfo property, OptionAttribute option)
    {
        (_property, _option) = (property, option);
        _type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        Limits = property.GetCustomAttribute<LimitsAttribute>();
        Key = AfterDash().Replace(Name, dash => dash.Value[1..].ToUpperInvariant());
        Choices = option.Words ?? (_type.IsEnum ? [.. OptionText.Words(_type).Select(w => w.Text)] : null);
        Kind = Choices is not null ? OptionKind.Choice
            : _type.IsGenericType ? OptionKind.Several
            : _type == typeof(bool) ? OptionKind.Switch
            : _type == typeof(int) || _type == typeof(long) ? OptionKind.Whole
            : _type == typeof(double) || _type == typeof(TimeSpan) ? OptionKind.Number
            : OptionKind.Text;
    }

    /// <summary>On the command line and in files, without dashes before it: noise-scale.</summary>
    public string Name => _option.Name;

    /// <summary>In JSON: noiseScale.</summary>
    public string Key { get; }

    /// <summary>The concern that it belongs to, such as Sampling.</summary>
    public string Group => Record.Name[..^"Options".Length];

    /// <summary>Short form, such as -i; null for none.</summary>
    public string? Alias => _option.Alias;

    /// <summary>What stands for the value in the help.</summary>
    public string Value => _option.Value;

    /// <summary>One or two sentences, default included.</summary>
    public string Help => _option.Help;

    /// <summary>What the help says of the value that counts where none is given.</summary>
    public string Default =>
        Help.LastIndexOf(Begin, StringComparison.Ordinal) is var at and >= 0 ? Help[(at + Begin.Length)..].TrimEnd('.') : "none";

    public OptionUse Use => _option.Use;

    public OptionKind Kind { get; }

    /// <summary>The only texts that are taken; null where others are.</summary>
    public IReadOnlyList<string>? Choices { get; }

    /// <summary>Null where any number is taken, or the value is none.</summary>
    public LimitsAttribute? Limits { get; }

    /// <summary>True where its name alone means true.</summary>
    public bool MayStandAlone => _option.MayStandAlone;

    /// <summary>The record that has the property.</summary>
    internal Type Record => _property.DeclaringType!;

    private bool IsMilliseconds => Value == "MS";

    /// <summary>The value as texts, one but for lists; null where nobody gave one and the model or the program decides.</summary>
    public IReadOnlyList<string>? Show(OptionGroup record) => _property.GetValue(record) switch
    {
        null => null,
        ValueList<MediaAddress> list => [.. list.Select(a => a.Text)],
        ValueList<LoraChoice> list => list.Count == 0 ? null : [.. list.Select(l => l.ToString())],
        ValueList<Degradation> list => list.Count == 0 ? ["none"] : [.. list.Select(d => OptionText.Word(d))],
        var value => [Show(value)],
    };

    /// <summary>What is wrong with a record's value, as the end of the sentence "NAME ..."; null when nothing is.</summary>
    internal string? Problem(OptionGroup record) => _property.GetValue(record) is { } value ? Problem(value) : null;

    /// <summary>Sets the property of a record that nobody else has seen yet.</summary>
    internal void Set(OptionGroup copy, object? value) => _property.SetValue(copy, value);

    /// <summary>Reads a value, several texts for a list.</summary>
    /// <exception cref="FormatException">It cannot be; the message ends the sentence "NAME ...".</exception>
    /// <exception cref="Models.ModelException">It cannot be; the message is the whole sentence.</exception>
    internal object? Read(IReadOnlyList<string> texts)
    {
        if (_type == typeof(ValueList<MediaAddress>))
            return new ValueList<MediaAddress>(texts.Select(MediaAddress.Parse));
        if (_type == typeof(ValueList<LoraChoice>))
            return new ValueList<LoraChoice>(texts.Select(LoraChoice.Parse));
        if (_type == typeof(ValueList<Degradation>))
            return new ValueList<Degradation>(
                texts.SelectMany(t => t.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries)).Where(t => t != "none").Select(
                    t => (Degradation)OptionText.Choice(t, OptionText.Words(typeof(Degradation)))));
        if (texts is not [var text])
            throw new FormatException("must be a single value");
        if (_option.MayBeAuto && text.Equals("auto", StringComparison.OrdinalIgnoreCase))
            return null;
        if (MayStandAlone && _type == typeof(TimeSpan) && OptionText.Truth(text) is { } isForEver)
            return isForEver ? TimeSpan.MaxValue : null;
        if (_option.Words is { } words && !words.Contains(text, StringComparer.OrdinalIgnoreCase))
            throw Wrong(text);
        var value = Value(text);
        if (Problem(value) is { } problem)
            throw new FormatException(problem);
        return value is double time && _type == typeof(TimeSpan) ? Time(time) : value;

        // Times still as numbers: those that are too long have no other form.
        object Value(string text) =>
            _type == typeof(string) ? _option.Words is null ? text : text.ToLowerInvariant()
            : _type == typeof(int) ? OptionText.Whole(text)
            : _type == typeof(long) ? OptionText.Long(text)
            : _type == typeof(double) || _type == typeof(TimeSpan) ? OptionText.Number(text)
            : _type == typeof(bool) ? OptionText.Bool(text)
            : _type == typeof((int, int)) ? OptionText.Size(text)
            : _type == typeof(MediaAddress) ? MediaAddress.Parse(text)
            : _type == typeof(Rational) ? Rational.TryParse(text, out var rate) ? rate : throw Wrong(text)
            : _type == typeof(DeviceName) ? DeviceName.Find(text) ?? throw Wrong(text)
            : _type == typeof(VaeDevices) ? VaeDevices.Find(text) ?? throw Wrong(text)
            : _type == typeof(RankList) ? RankList.Parse(text)
            : _type.IsEnum ? Word(text)
            : throw new InvalidOperationException($"{Name} is of a type that no text gives");
    }

    private object Word(string text)
    {
        var words = OptionText.Words(_type);
        return _option.Says is null || words.Any(w => w.Text.Equals(text, StringComparison.OrdinalIgnoreCase))
            ? OptionText.Choice(text, words)
            : throw Wrong(text);
    }

    private FormatException Wrong(string text) => new($"must be {_option.Says}, not {text}");

    private string? Problem(object value) =>
        Limits is not { } limits || limits.Holds(Number(value)) ? null : $"must be {_option.Says ?? limits.Text}, not {Show(value)}";

    private double Number(object value) => value switch
    {
        TimeSpan time => IsMilliseconds ? time.TotalMilliseconds : time.TotalSeconds,
        Rational rate => rate.ToDouble(),
        _ => Convert.ToDouble(value, null),
    };

    private string Show(object value) => value switch
    {
        TimeSpan time => time == TimeSpan.MaxValue ? "true" : OptionText.Word(Number(time)),
        bool isOn => isOn ? "true" : "false",
        (int width, int height) => $"{width}x{height}",
        MediaAddress address => address.Text,
        _ => OptionText.Word(value),
    };

    private TimeSpan Time(double number)
    {
        var seconds = IsMilliseconds ? number / 1000 : number;
        return seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue;
    }

    [GeneratedRegex("-[a-z]")]
    private static partial Regex AfterDash();
}
